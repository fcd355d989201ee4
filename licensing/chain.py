"""The form of the public register: entries, each of which holds the hash of the one before. Needs no database.

An entry says that something happened to a certificate, when, and the SHA-256 of what it is about. Its ``hash`` is the
SHA-256 of its canonical JSON without that field (the form of ``documents.canonical``). Whoever has kept one hash can
show that nothing up to there was changed, left out, put in or moved since. The idea is Haber and Stornetta's (1991).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from licensing.canonical import NotCanonical, canonical, sha256_of

BEFORE_THE_FIRST = "0" * 64
"""What the first entry has as ``previous``, and the hash of a head without entries."""

ISSUED, SIGNED = "issued", "signed"
SUSPENDED, RESTORED, REVOKED = "suspended", "restored", "revoked"
TRANSFERRED, SUPERSEDED = "transferred", "superseded"
KINDS = (ISSUED, SIGNED, SUSPENDED, RESTORED, REVOKED, TRANSFERRED, SUPERSEDED)
REPLACED = frozenset({TRANSFERRED, SUPERSEDED})

STATUS = {SUSPENDED: "suspended", RESTORED: "valid", REVOKED: "revoked"} | {kind: kind for kind in REPLACED}
"""What an entry makes of its certificate; one that is not here changes nothing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the register. ``successor`` is the certificate that takes the place of this one, or empty."""

    number: int
    kind: str
    copyright_id: str
    at: str
    digest: str
    successor: str
    previous: str
    hash: str = ""

    def hashed(self) -> str:
        """Return the hash that this content must have."""
        body = asdict(self)
        del body["hash"]
        return sha256_of(canonical(body))

    def line(self) -> str:
        """Return the entry as one line of JSON, as it is published."""
        return canonical(asdict(self)).decode()


@dataclass(frozen=True, slots=True)
class Head:
    """How far a register reaches: the number and the hash of its last entry."""

    number: int = 0
    hash: str = BEFORE_THE_FIRST


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: an entry's number or a Copyright ID."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def read_entries(text: str) -> Iterator[Entry]:
    """Read a published register, one JSON object a line. Raises ``ValueError`` naming the line that is none."""
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            body: dict[str, Any] = json.loads(line)
            entry = Entry(**body)
            strings = [value for name, value in body.items() if name != "number"]
            if type(entry.number) is not int or not all(isinstance(value, str) for value in strings):
                raise TypeError
        except (ValueError, TypeError, NotCanonical) as error:
            raise ValueError(f"Line {number} of the register is not an entry: {line[:80]!r}.") from error
        yield entry


def faults_of(
    entries: Iterable[Entry], *, after: Head | None = None, head: Head | None = None
) -> list[Fault]:
    """Return what is wrong with a chain; empty if nothing is.

    The chain must follow on ``after`` (default: the beginning). With ``head``, one that was published, the chain must
    contain it: that is what finds a tail that was cut off, or a chain that was hashed anew from an altered entry on.
    """
    faults = []
    last = after or Head()
    met = head is None or head == last
    for entry in entries:
        where = f"entry {entry.number}"
        if entry.number != last.number + 1:
            faults.append(Fault(where, f"follows on entry {last.number}"))
        if entry.previous != last.hash:
            faults.append(Fault(where, f"does not hold the hash of entry {last.number}"))
        if entry.kind not in KINDS:
            faults.append(Fault(where, f"is of no known kind: {entry.kind!r}"))
        if entry.hash != entry.hashed():
            faults.append(Fault(where, f"was altered: its hash is {entry.hashed()}, it says {entry.hash}"))
        last = Head(entry.number, entry.hash)
        met = met or last == head
    if head is not None and not met:
        faults.append(
            Fault(f"entry {head.number}", f"the published hash {head.hash} is not in this register")
        )
    return faults


@dataclass(slots=True)
class Life:
    """What the register says of one certificate."""

    issued: Entry | None = None
    signed: Entry | None = None
    status: str = "valid"
    successor: str = ""
    faults: list[Fault] = field(default_factory=list)

    def live_on(self, entry: Entry) -> None:
        """Take the next entry of this certificate in."""
        if entry.kind != ISSUED and self.issued is None:
            self._fault(entry, f"{entry.copyright_id} is {entry.kind} before it is issued")
        over = self.status in REPLACED or (self.status == REVOKED and entry.kind != SIGNED)
        if over:
            self._fault(entry, f"{entry.copyright_id} is {entry.kind} after it was {self.status}")
        if entry.kind == ISSUED:
            if self.issued is not None:
                self._fault(entry, f"{entry.copyright_id} is issued a second time")
            self.issued = entry
        elif entry.kind == SIGNED:
            if self.signed is not None:
                self._fault(entry, f"{entry.copyright_id} is signed a second time")
            self.signed = entry
        self.status = STATUS.get(entry.kind, self.status)
        self.successor = entry.successor or self.successor

    def _fault(self, entry: Entry, what: str) -> None:
        self.faults.append(Fault(f"entry {entry.number}", what))


def lives_in(entries: Iterable[Entry]) -> dict[str, Life]:
    """Return what a register says of each certificate."""
    lives: dict[str, Life] = {}
    for entry in entries:
        lives.setdefault(entry.copyright_id, Life()).live_on(entry)
    return lives
