"""Say in a signed manifest inside an audio file how it was made, and read such manifests (C2PA, Content Credentials).

Nothing here ever asks the network: no time stamp, no revocation list, no manifest kept elsewhere. So a file reads
as intact as long as its certificate is valid, and whoever needs more asks the register of certificates.
Source: C2PA specification 2.4; CAWG metadata assertion 1.1; IPTC NewsCodes, digital source type.
"""

from __future__ import annotations

import io
import json
import sys
import wave
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from generation.audio.certificates import Credentials, algorithm_of, organisation_of, root_of
from generation.audio.errors import AudioError, CredentialsUnusable, EncodingFailed
from generation.audio.examine import SETTINGS, Verdict, kind_of
from generation.audio.labels import AI_SOURCE_TYPE, Labels
from generation.audio.process import run_program
from generation.audio.storage import replacing

PRODUCER = "Soloscore"
VOCABULARY = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}
READING_TIMEOUT_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs (``credentials``) that something was composed, by which ``composer`` (its version) and when."""

    credentials: Credentials
    composer: str
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the manifest of a file says, and what that is worth.

    ``verdict`` is ``ours`` (intact, signed by us), ``foreign`` (intact, signed by somebody else, which proves
    nothing of us), ``altered`` (file or manifest were changed after signing), ``expired`` (intact, but signed with a
    certificate that has run out), ``none`` (no manifest) or ``unreadable``; ``reason`` says it in a sentence. The
    other texts are the manifest's own words, at most 300 characters each, to be believed if ``ours``. ``made_at`` is
    an ISO 8601 time.
    """

    verdict: Verdict
    reason: str
    title: str = ""
    copyright_id: str = ""
    verify_url: str = ""
    source_type: str = ""
    composer: str = ""
    made_at: str = ""
    signed_by: str = ""


def sign(*, path: Path, labels: Labels, signer: Signer) -> None:
    """Put a manifest into a finished WAV, FLAC or MP3 file; after that not a bit of it may change.

    Costs 0.1 s of processor time for a minute of 24-bit WAV, 0.01 s for MP3. The audio and the tags stay as they
    are (an ID3 tag becomes one of version 2.4); salt and signature of the manifest are new in each call.

    Raises ``CredentialsUnusable`` for a pair that cannot sign, ``StorageFull`` on a full disk, ``EncodingFailed``
    otherwise; then the file is left as it was.
    """
    with path.open("rb") as source:
        try:
            signed = _signed(source, kind=kind_of(source), labels=labels, signer=signer)
        except EncodingFailed as error:
            raise EncodingFailed(f"{path.name} could not be signed: {error}") from error
    with replacing(path) as temporary:
        temporary.write_bytes(signed.getbuffer())


def try_out(credentials: Credentials) -> None:
    """Sign a moment of silence, in memory. Raises ``CredentialsUnusable`` if no valid manifest comes of it."""
    silence = io.BytesIO()
    with wave.open(silence, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2))
    silence.seek(0)
    try:
        _signed(
            silence,
            kind="audio/wav",
            labels=Labels(),
            signer=Signer(credentials=credentials, composer="none"),
        )
    except EncodingFailed as error:
        raise CredentialsUnusable(
            f"the C2PA certificate does not sign: {error}; it must be one for signing mail or documents"
        ) from error


def read_provenance(path: Path, *, chain: bytes = b"") -> Provenance:
    """Read what a file, of whatever kind and from whomever, says of its origin.

    ``chain`` is our own certificate chain (PEM): a manifest is ``ours`` if it leads to the same root and names the
    same organisation. A process of its own reads the file, with limits of time and memory (``examine``): a hostile
    file costs that much and no more. Never raises for what the file holds.
    """
    ours = [root_of(chain).decode(), organisation_of(chain)] if chain else []
    where = str(Path(__file__).parents[2])
    child = f"import sys; sys.path.insert(0, {where!r}); from generation.audio.examine import main; main()"
    said = bytearray()
    try:
        run_program(
            command=[sys.executable, "-I", "-c", child, str(path), *ours],
            timeout=READING_TIMEOUT_SECONDS,
            failure=EncodingFailed,
            on_output=said.extend,
        )
        return Provenance(**json.loads(said))
    except (AudioError, ValueError):
        return Provenance(
            "unreadable", "The file could not be examined within our limits of time and memory."
        )


def _signed(source: BinaryIO, *, kind: str, labels: Labels, signer: Signer) -> io.BytesIO:
    # 23 MB of library, and only the worker signs.
    import c2pa

    credentials = signer.credentials
    signed = io.BytesIO()
    try:
        info = c2pa.C2paSignerInfo(algorithm_of(credentials), credentials.chain, credentials.key, None)
        with (
            c2pa.Context.from_dict(SETTINGS, signer=c2pa.Signer.from_info(info)) as context,
            c2pa.Builder(_manifest(labels=labels, signer=signer), context=context) as builder,
        ):
            builder.sign(kind, source, signed)
    except c2pa.C2paError as error:
        raise EncodingFailed(str(error)) from error
    return signed


def _manifest(*, labels: Labels, signer: Signer) -> dict[str, Any]:
    action = {
        "action": "c2pa.created",
        "digitalSourceType": AI_SOURCE_TYPE,
        "softwareAgent": {"name": f"{PRODUCER} composer", "version": signer.composer},
    }
    if signer.made_at:
        action["when"] = signer.made_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = {
        "dc:title": labels.title,
        "dc:creator": labels.artist,
        "dc:description": labels.comment,
        "dc:identifier": labels.copyright_id,
        "dc:rights": labels.copyright,
        "xmpRights:UsageTerms": labels.licence,
        "xmpRights:WebStatement": labels.verify_url,
        "Iptc4xmpExt:DigitalSourceType": AI_SOURCE_TYPE,
    }
    return {
        "claim_generator_info": [{"name": PRODUCER}],
        "title": labels.title,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [action]}, "created": True},
            {
                "label": "cawg.metadata",
                "data": {"@context": VOCABULARY} | {name: value for name, value in metadata.items() if value},
                "kind": "Json",
                "created": True,
            },
        ],
    }
