"""A work on record: the lines kept of it, the fingerprints it is found by, and how near another piece comes to it.

Nothing but the standard library: the check at the sale runs in web processes, which load no NumPy.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import pairwise

SHINGLE = 9
"""Tokens in a shingle, as in ``runs``."""

WINDOW = 3
"""Of so many shingles on end one is kept, so a shared run of ``SHINGLE + 2 + WINDOW - 1`` = 13 notes is always seen."""

SHORT = 6
"""Tokens in a short phrase (8 notes), of which the share is counted."""

WORKS_LIMIT = 16
"""Notes: a run this long in common with a work on record is too near."""

SHARE_LIMIT = 0.1
"""Part of a piece's short phrases that may be found in one work, if they are ``PHRASES_AT_LEAST`` or more."""

PHRASES_AT_LEAST = 16

ALIGNED_LIMIT = 14
"""Score of an alignment of reduced lines from which one is taken for a copy of the other."""

DISTINCTIVE_BITS = 50.0
"""Least surprise of a run that is somebody's own. Measured: excerpts of independent works shared runs of 48 bits at
most with a corpus, planted copies nearly all more than 50."""

PHRASE_BITS = 14.0
"""Least surprise of a short phrase that is counted."""

EXTRA_NOTES = 2
"""Notes that a run has more than tokens."""

CANDIDATES = 32
"""Works verified at most among those that share a run's fingerprint, the ones that share most first."""

GRAMS_SHARED = 2
"""Grams of reduced lines that a work must share before its alignment is looked at."""

ALIGNED_AT_MOST = 6
"""Works whose alignment is looked at."""

WHOLE_FROM = 4
"""Tokens from which a top line that is too short for the window is known by its whole."""

GRAM = 8
"""Intervals in a gram of a reduced line, that is nine pitches."""

SAMPLED = 2
"""One gram in so many is a fingerprint of a work: always the same ones."""

LONGEST_FIGURE = 4
"""Tokens after which a figure that goes round is nobody's, like a scale."""

_CLASSES = 13
_EVEN = 6
_WIDEST = 24
_STEP = 2
_RECENT = 8
_KNOWN_BITS = 0.5


@dataclass(frozen=True, slots=True)
class Line:
    """One line: ``tokens`` as in ``runs``, one character each, and the ``pitches`` of its reduction."""

    tokens: str
    pitches: tuple[int, ...]


Lines = tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Prints:
    """What a work is found by, as signed 64-bit numbers: ``runs`` of its lines, ``grams`` of the reduced ones."""

    runs: frozenset[int]
    grams: frozenset[int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A work that may be near, by its fingerprints; ``aligning`` says that its reduced lines should be aligned."""

    name: str
    lines: Lines
    aligning: bool


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near two works are.

    ``run`` counts the notes of the longest run in common, ``surprise`` is how much it tells in bits, ``whole`` says
    that both have the same short top line, ``share`` is the part (0 … 1) of the first work's short ``phrases`` that
    the second has, ``aligned`` the score of the best local alignment of two reduced lines.
    """

    run: int
    surprise: float
    whole: bool
    share: float
    phrases: int
    aligned: int


def pack(lines: Lines) -> bytes:
    """Write lines for the database."""
    parts = []
    for line in lines:
        tokens = line.tokens.encode("utf-16-le")
        parts.append(struct.pack("<HH", len(line.tokens), len(line.pitches)) + tokens + bytes(line.pitches))
    return zlib.compress(b"".join(parts), 6)


def unpack(stored: bytes | memoryview) -> Lines:
    """Read what ``pack`` wrote."""
    data = zlib.decompress(stored)
    lines = []
    place = 0
    while place < len(data):
        tokens, pitches = struct.unpack_from("<HH", data, place)
        place += 4
        text = data[place : place + 2 * tokens].decode("utf-16-le")
        place += 2 * tokens
        lines.append(Line(text, tuple(data[place : place + pitches])))
        place += pitches
    return tuple(lines)


def prints_of(lines: Lines) -> Prints:
    """Fingerprints of a work."""
    runs = {value for line in lines for value in _winnowed(line.tokens)}
    if lines and _is_short(lines[0]):
        runs.add(_hash(lines[0].tokens, kind=b"whole"))
    grams = frozenset(gram for line in lines for gram in grams_of(line.pitches) if gram % SAMPLED == 0)
    return Prints(frozenset(runs), grams)


def _is_short(line: Line) -> bool:
    return WHOLE_FROM <= len(line.tokens) < SHINGLE + WINDOW - 1 and not is_plain(line.tokens)


def _winnowed(tokens: str) -> Iterable[int]:
    """The least hash of every ``WINDOW`` shingles on end. After Schleimer, Wilkerson and Aiken, SIGMOD 2003."""
    values = [
        None if is_plain(shingle) else _hash(shingle, kind=b"run")
        for shingle in slices(tokens, length=SHINGLE)
    ]
    for start in range(max(0, len(values) - WINDOW + 1)):
        window = [value for value in values[start : start + WINDOW] if value is not None]
        if window:
            yield min(window)


def grams_of(pitches: Sequence[int]) -> set[int]:
    """Hashes of the grams of a reduced line; figures that go round are left out."""
    steps = "".join(
        chr(min(max(after - before, -_WIDEST), _WIDEST) + _WIDEST) for before, after in pairwise(pitches)
    )
    return {_hash(gram, kind=b"gram") for gram in set(slices(steps, length=GRAM)) if not _is_figure(gram)}


def slices(text: str, *, length: int) -> list[str]:
    """All slices of a length, in order."""
    return [text[start : start + length] for start in range(len(text) - length + 1)]


def is_plain(tokens: str) -> bool:
    """Whether a run is a scale or a repeated note in even rhythm, or a short figure that goes round."""
    different = set(tokens)
    if len(different) > LONGEST_FIGURE:
        return False
    kinds = {_kind(token) for token in different}
    return (len(kinds) == 1 and "other" not in kinds) or _is_figure(tokens)


def _kind(token: str) -> str:
    interval, ratio = divmod(ord(token), _CLASSES)
    interval -= _WIDEST
    if ratio != _EVEN or abs(interval) > _STEP:
        return "other"
    return "up" if interval > 0 else "down" if interval < 0 else "same"


def surprise(tokens: str) -> float:
    """How much a run tells, in rough bits: scales up and down, broken chords and drummed notes tell little.

    A token that stood among the last eight costs half a bit; others the more, the wider the interval and the
    stranger the rhythm. Courts weigh shared passages by how distinctive they are.
    """
    bits = 0.0
    for place, token in enumerate(tokens):
        recent = token in tokens[max(0, place - _RECENT) : place]
        bits += _KNOWN_BITS if recent else _bits(token)
    return bits


@cache
def _bits(token: str) -> float:
    interval, ratio = divmod(ord(token), _CLASSES)
    width, change = abs(interval - _WIDEST), abs(ratio - _EVEN)
    return 2.5 + 1.5 * (width > 2) + (width > 5) + 1.5 * (width > 7) + 2.0 * (change > 0) + (change > 2)


def _is_figure(tokens: str) -> bool:
    return any(tokens[period:] == tokens[:-period] for period in range(1, LONGEST_FIGURE + 1))


def _hash(text: str, *, kind: bytes) -> int:
    digest = blake2b(text.encode("utf-16-le"), digest_size=8, person=kind).digest()
    return int.from_bytes(digest, "little", signed=True)


def is_too_near(found: Nearness) -> bool:
    """Whether a piece may not be offered, or sold, beside the work it was compared with."""
    return (
        (found.run >= WORKS_LIMIT and found.surprise >= DISTINCTIVE_BITS)
        or found.whole
        or (found.share > SHARE_LIMIT and found.phrases >= PHRASES_AT_LEAST)
        or found.aligned >= ALIGNED_LIMIT
    )


class Comparison:
    """One piece, to be compared with many works."""

    def __init__(self, own: Lines) -> None:
        self._own = own
        self._phrases = frozenset(
            phrase for phrase in _slices_of(own, length=SHORT) if surprise(phrase) >= PHRASE_BITS
        )
        self._slices: dict[int, frozenset[str]] = {}

    def to(self, other: Lines, *, beyond: int = 0, aligning: bool = False) -> Nearness:
        """Say how near the piece comes to a work.

        A run that is not longer than ``beyond`` notes is given as 0: it need not be measured. The alignment takes
        milliseconds and is made only when asked for.
        """
        shared = len(self._phrases.intersection(_slices_of(other, length=SHORT)))
        run = self._run(other, beyond=beyond) if other else 0
        return Nearness(
            run=run,
            surprise=max(map(surprise, self._common(other, length=run - EXTRA_NOTES))) if run else 0.0,
            whole=bool(self._own and other)
            and _is_short(self._own[0])
            and self._own[0].tokens == other[0].tokens,
            share=shared / len(self._phrases) if shared else 0.0,
            phrases=shared,
            aligned=aligned_score(self._own, other) if aligning else 0,
        )

    def _run(self, other: Lines, *, beyond: int) -> int:
        """Notes of the longest run that the work has too and that is not plain; 0 if not longer than ``beyond``.

        Found by halving: of a common run that is not plain, one of the two runs shorter by a token is not plain.
        """
        length = max(SHINGLE, beyond + 1 - EXTRA_NOTES)
        if not self._has_common(other, length=length):
            return 0
        too_long = 1 + max(len(line.tokens) for line in self._own)
        while too_long - length > 1:
            middle = (length + too_long) // 2
            if self._has_common(other, length=middle):
                length = middle
            else:
                too_long = middle
        return length + EXTRA_NOTES

    def _has_common(self, other: Lines, *, length: int) -> bool:
        return any(not is_plain(run) for run in self._common(other, length=length))

    def _common(self, other: Lines, *, length: int) -> frozenset[str]:
        if length not in self._slices:
            self._slices[length] = frozenset(_slices_of(self._own, length=length))
        return self._slices[length].intersection(_slices_of(other, length=length))


def _slices_of(lines: Lines, *, length: int) -> list[str]:
    return [part for line in lines for part in slices(line.tokens, length=length)]


def aligned_score(own: Lines, other: Lines) -> int:
    """Score of the best local alignment of two reduced lines, in the transposition that most of their grams ask for.

    A pitch in common counts 1, another pitch or a gap -1: Smith and Waterman, J. Mol. Biol. 147 (1981).
    """
    votes: Counter[tuple[int, int, int]] = Counter()
    for a, mine in enumerate(own):
        places = _places(mine.pitches)
        for b, held in enumerate(other):
            for gram, there in _places(held.pitches).items():
                for here in places.get(gram, ())[:1]:
                    votes[a, b, mine.pitches[here] - held.pitches[there[0]]] += 1
    if not votes:
        return 0
    (a, b, shift), _ = votes.most_common(1)[0]
    return _smith_waterman(own[a].pitches, [pitch + shift for pitch in other[b].pitches])


def _places(pitches: Sequence[int]) -> dict[tuple[int, ...], list[int]]:
    places: dict[tuple[int, ...], list[int]] = {}
    for start in range(len(pitches) - GRAM):
        first = pitches[start]
        gram = tuple(pitch - first for pitch in pitches[start : start + GRAM + 1])
        places.setdefault(gram, []).append(start)
    return places


def _smith_waterman(a: Sequence[int], b: Sequence[int]) -> int:
    best = 0
    before = [0] * (len(b) + 1)
    for pitch in a:
        row = [0]
        for column, other in enumerate(b):
            score = before[column] + (1 if pitch == other else -1)
            score = max(0, score, before[column + 1] - 1, row[column] - 1)
            row.append(score)
        best = max(best, *row)
        before = row
    return best
