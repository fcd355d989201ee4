"""What a signed certificate proves by itself: which files are its own, and how it stands in a copy of the register."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from licensing.canonical import canonical, sha256_of
from licensing.chain import Entry, faults_of, lives_in
from licensing.documents import WITHOUT_ANCHOR, check_signed_file, facts_of

CERTIFICATE, EXTRA = "soloscore-certificate/", "soloscore-extra/"
LISTS = ("certificate.json", "files.json")
"""Names of the signed files, the one that says more first."""

ARCHIVE_SUFFIX = ".zip"
UNSIGNED_ONCE = "README.txt"
"""Among the signed files now; certificates of these schemas may have been signed before it was."""

WITHOUT_README = frozenset({"soloscore-certificate/1", "soloscore-certificate/2"})


def lists_files(document: Mapping[str, Any]) -> bool:
    """Whether a signed document is a certificate, or the list of the files of a cut or loop."""
    return str(document.get("schema")).startswith((CERTIFICATE, EXTRA))


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed file that was found genuine: its bytes and what it says."""

    content: bytes
    document: Mapping[str, Any]


@dataclass(slots=True)
class Findings:
    """What is to be said of files, line by line, and what is wrong with them."""

    lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Member:
    """A file in a folder or archive; ``label`` is what it is called to whoever asked."""

    name: str
    label: str
    open: Callable[[], IO[bytes]]


def signed_file_in(path: Path) -> bytes:
    """Return the certificate, or else the list of a cut, out of what was delivered: a file, a folder, or a ZIP.

    Raises ``ValueError`` where there is none, and ``OSError``.
    """
    if not _is_bundle(path):
        return path.read_bytes()
    with _members(path) as members:
        for wanted in LISTS:
            for member in members:
                if member.name.endswith(wanted):
                    with member.open() as file:
                        return file.read()
    raise ValueError(f"{path} holds neither {' nor '.join(LISTS)}")


def look_at(path: Path, *, signed: Signed, public_keys: Mapping[str, str]) -> Findings:
    """Say of a file, or of all that a folder or ZIP holds, whether it is what was delivered with a certificate.

    A bundle with a signed list of its own, as cuts have one, is held against that, if it is of the same certificate.
    """
    findings = Findings()
    try:
        with _members(path) as members:
            _look_at(members, path=path, signed=signed, public_keys=public_keys, findings=findings)
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        findings.wrong.append(f"{path.name} cannot be read: {error}")
    return findings


def _look_at(
    members: Sequence[_Member],
    *,
    path: Path,
    signed: Signed,
    public_keys: Mapping[str, str],
    findings: Findings,
) -> None:
    for member in members:
        if member.name.endswith(LISTS) and _is_bundle(path):
            with member.open() as file:
                signed = _own_list(file.read(), signed=signed, public_keys=public_keys)
    met: set[str] = set()
    for member in members:
        if member.name.lower().endswith(ARCHIVE_SUFFIX) and _is_bundle(path) and path.is_dir():
            inner = look_at(path / member.label, signed=signed, public_keys=public_keys)
            findings.lines += inner.lines
            findings.wrong += inner.wrong
            continue
        _match(member, signed=signed, met=met, findings=findings)
    if _is_bundle(path):
        absent = [item["name"] for item in signed.document["files"] if item["name"] not in met]
        findings.lines += [
            f"Not there      {name}, which is listed, is not in {path.name}" for name in absent
        ]


def _match(member: _Member, *, signed: Signed, met: set[str], findings: Findings) -> None:
    document = signed.document
    with member.open() as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    called = member.name.removeprefix(f"{document['copyright_id']}-")
    by_content = next((item for item in document["files"] if item["sha256"] == digest), None)
    by_name = next((item for item in document["files"] if item["name"] == called), None)
    if by_content:
        met.add(by_content["name"])
        findings.lines.append(f"File          {member.label} is {by_content['name']} of this certificate")
    elif digest == hashlib.sha256(signed.content).hexdigest():
        findings.lines.append(f"File          {member.label} is the signed file that was checked")
    elif by_name:
        met.add(called)
        findings.wrong.append(
            f"{member.label} is not the {called} that was delivered: it was altered "
            f"(SHA-256 {digest} instead of {by_name['sha256']})"
        )
    elif called in LISTS:
        findings.wrong.append(f"{member.label} is not the signed file that was checked")
    elif called == UNSIGNED_ONCE and document["schema"] in WITHOUT_README:
        findings.lines.append(f"Not signed    {member.label} only explains the files; nothing hangs on it")
    else:
        findings.wrong.append(f"{member.label} is none of the files of this certificate (SHA-256 {digest})")


def _own_list(content: bytes, *, signed: Signed, public_keys: Mapping[str, str]) -> Signed:
    """Return a bundle's own signed list if it is genuine and of the same certificate."""
    checked = check_signed_file(content, public_keys=public_keys)
    is_list = checked.genuine and str(checked.document.get("schema")).startswith(EXTRA)
    same = is_list and checked.document["copyright_id"] == signed.document["copyright_id"]
    return Signed(content, checked.document) if same else signed


def _is_bundle(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() == ARCHIVE_SUFFIX


@contextmanager
def _members(path: Path) -> Iterator[list[_Member]]:
    """Give what a folder or ZIP holds, folders in it left out, or the one file itself."""
    if path.is_dir():
        inside = sorted(found for found in path.rglob("*") if found.is_file())
        yield [_Member(one.name, str(one.relative_to(path)), partial(_opened, one)) for one in inside]
    elif _is_bundle(path):
        with zipfile.ZipFile(path) as archive:
            yield [_packed(archive, info) for info in archive.infolist() if not info.is_dir()]
    else:
        yield [_Member(path.name, path.name, partial(_opened, path))]


def _opened(path: Path) -> IO[bytes]:
    return path.open("rb")


def _packed(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    name = Path(info.filename).name
    return _Member(name, f"{Path(archive.filename or '').name}: {name}", partial(archive.open, info))


def standing(document: Mapping[str, Any], entries: Sequence[Entry]) -> tuple[str, list[str]]:
    """Return how a genuine document stands in a register that begins at its first entry, and what does not fit."""
    wrong = [f"register: {fault}" for fault in faults_of(entries)]
    life = lives_in(entries).get(document["copyright_id"])
    if life is None or life.issued is None:
        return "unknown", [*wrong, f"the register knows no {document['copyright_id']}"]
    wrong += [f"register: {fault}" for fault in life.faults]
    if document["schema"].startswith(CERTIFICATE):
        if life.issued.digest != sha256_of(canonical(facts_of(document))):
            wrong.append(
                f"entry {life.issued.number} of the register is about other facts than this document"
            )
        if life.signed is None or life.signed.digest != sha256_of(canonical(document)):
            wrong.append("the document that the register knows of this certificate is another one")
        anchor = document.get("register")
        issued = {"number": life.issued.number, "hash": life.issued.hash}
        if anchor != issued and not (anchor is None and document["schema"] == WITHOUT_ANCHOR):
            wrong.append("the register is not the one this document was issued into")
    status = f"{life.status} ({life.successor} took its place)" if life.successor else life.status
    return status, wrong
