"""Read the C2PA manifest of a stranger's file: run as a process of its own, limited in time and memory.

It imports little, since each reading starts anew, and it never asks the network: a file may name any address.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any, BinaryIO, Literal

from generation.audio.errors import EncodingFailed

Verdict = Literal["ours", "foreign", "altered", "expired", "none", "unreadable"]

SETTINGS: dict[str, Any] = {
    "verify": {
        "verify_after_sign": True,
        "verify_trust": True,
        "ocsp_fetch": False,
        "remote_manifest_fetch": False,
    },
    "core": {"allowed_network_hosts": []},
}
"""What is signed is read once more; the ways to the network are shut."""

REASONS = {
    "assertion.dataHash.mismatch": "The file was changed after it was signed.",
    "assertion.hashedURI.mismatch": "What the manifest says was changed after it was signed.",
    "claimSignature.mismatch": "The signature does not fit the manifest.",
}
"""What to say to each of the failures that a reader reports; others are named by their code."""

EXPIRED, UNTRUSTED = "signingCredential.expired", "signingCredential.untrusted"
READING_CPU_SECONDS = 4
READING_BYTES = 256 << 20
"""Address space of the process that reads a stranger's file; for ours it needs 80 MiB."""

LONGEST_TEXT = 300


def main() -> None:
    """Answer as JSON what the file named first says; then come our root (PEM) and our organisation, if any."""
    for kind, limit in (
        (resource.RLIMIT_AS, READING_BYTES),
        (resource.RLIMIT_CPU, READING_CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    path, root, organisation = [*sys.argv[1:], "", ""][:3]
    sys.stdout.write(json.dumps(_read(Path(path), root=root, organisation=organisation)))


def kind_of(file: BinaryIO) -> str:
    """Return the MIME type of a kind of file that we sign, by its first bytes; the file is left at its start."""
    start = file.read(4)
    file.seek(0)
    if start == b"RIFF":
        return "audio/wav"
    if start == b"fLaC":
        return "audio/flac"
    # An ID3 tag stands before MP3, and before FLAC with a manifest; the library looks behind it.
    if start.startswith(b"ID3") or (len(start) > 1 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0):
        return "audio/mpeg"
    raise EncodingFailed("it is neither WAV, FLAC nor MP3")


def _read(path: Path, *, root: str = "", organisation: str = "") -> dict[str, str]:
    import c2pa

    settings = SETTINGS | {"trust": {"user_anchors": root}} if root else SETTINGS
    try:
        with (
            path.open("rb") as file,
            c2pa.Context.from_dict(settings) as context,
            c2pa.Reader(kind_of(file), file, context=context) as reader,
        ):
            report = json.loads(reader.json())
    except (EncodingFailed, c2pa.C2paError.ManifestNotFound):
        return _answer("none", "The file carries no manifest that says where it comes from.")
    except OSError as error:
        return _answer("unreadable", f"The file cannot be opened: {error.strerror}.")
    except c2pa.C2paError as error:
        if str(error).startswith("Remote"):
            return _answer(
                "none", "The manifest of the file lies elsewhere; we read only what is in the file."
            )
        return _answer("unreadable", f"The manifest of the file cannot be read: {error}"[:LONGEST_TEXT])
    return _judged(report, organisation=organisation)


def _judged(report: Any, *, organisation: str) -> dict[str, str]:
    """Turn the library's report into a verdict and the manifest's words."""
    manifest = _at(report, "manifests", _text(report, "active_manifest"))
    assertions = _at(manifest, "assertions")
    said = {
        _text(one, "label"): _at(one, "data") for one in (assertions if isinstance(assertions, list) else [])
    }
    action, metadata = _at(said.get("c2pa.actions.v2"), "actions", 0), said.get("cawg.metadata")
    agent = (_text(action, "softwareAgent", name) for name in ("name", "version"))
    signed_by = _text(manifest, "signature_info", "issuer")
    failures = _at(report, "validation_results", "activeManifest", "failure")
    codes = [_text(one, "code") for one in (failures if isinstance(failures, list) else [])]
    verdict, reason = _verdict(
        state=_text(report, "validation_state"),
        codes=codes,
        has_our_name=bool(organisation) and signed_by == organisation,
    )
    return _answer(
        verdict,
        reason,
        title=_text(metadata, "dc:title"),
        copyright_id=_text(metadata, "dc:identifier"),
        verify_url=_text(metadata, "xmpRights:WebStatement"),
        source_type=_text(action, "digitalSourceType"),
        composer=" ".join(agent).strip(),
        made_at=_text(action, "when"),
        signed_by=signed_by,
    )


def _answer(verdict: Verdict, reason: str, **said: str) -> dict[str, str]:
    return {"verdict": verdict, "reason": reason, **said}


def _verdict(*, state: str, codes: list[str], has_our_name: bool) -> tuple[Verdict, str]:
    if state == "Trusted" and has_our_name:
        return "ours", "The file is as we signed it."
    if state in {"Trusted", "Valid"}:
        return "foreign", "The file is as it was signed, but not by us."
    grave = [code for code in codes if code not in {EXPIRED, UNTRUSTED}]
    if codes and not grave:
        return "expired", "The file is as it was signed, but the certificate it was signed with has expired."
    code = grave[0] if grave else "no reason given"
    return "altered", REASONS.get(code, f"The manifest does not hold: {code}.")


def _at(value: Any, *keys: str | int) -> Any:
    """Follow keys into data of unknown shape; None where they lead nowhere."""
    for key in keys:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _text(value: Any, *keys: str | int) -> str:
    found = _at(value, *keys)
    return found[:LONGEST_TEXT] if isinstance(found, str) else ""
