"""Runs of notes that can be recognised in any key and at any tempo.

A line of a piece becomes tokens: the melodic interval to the next note, and the class
of the ratio of successive times between onsets, half an octave wide. A shingle is ``SHINGLE`` tokens on
end, that is ``SHINGLE + 2`` notes, kept as a 64-bit hash. Plain scales and repeated notes in even rhythm
belong to everybody and are left out. After the fingerprints of Yin et al., SN Computer Science 3:340 (2022).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generation.composer.score import Note
from generation.originality.lines import bass_line, lines_of, reduced, top_line
from generation.originality.record import SHINGLE, Line, Lines

__all__ = [
    "NOTES_IN_SHINGLE", "SHINGLE", "Hashes", "bass_line", "distinct", "hashes_of", "lines_on_record", "longest_run",
    "shingles", "tokens", "top_line",
]  # fmt: skip

NOTES_IN_SHINGLE = SHINGLE + 2

Hashes = NDArray[np.uint64]

WIDEST = 24
RATIO_CLASSES = 6
STEP = 2
LONGEST_GAP = 4096
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
MIX1 = np.uint64(0xBF58476D1CE4E5B9)
MIX2 = np.uint64(0x94D049BB133111EB)


def tokens(line: Sequence[Note]) -> NDArray[np.int64]:
    """Tokens of a line of notes, two fewer than notes; each a small whole number."""
    if len(line) < 3:
        return np.zeros(0, np.int64)
    pitch = np.array([note.pitch for note in line], np.int64)
    gaps = np.minimum(np.diff(np.array([note.onset for note in line], np.int64)), LONGEST_GAP)
    interval = np.clip(np.diff(pitch), -WIDEST, WIDEST)[1:] + WIDEST
    found: NDArray[np.int64] = interval * (2 * RATIO_CLASSES + 1) + _ratio_class(gaps) + RATIO_CLASSES
    return found


def _ratio_class(gaps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Half-octave class (-6 … 6) of each gap's ratio to the one before, by whole numbers alone.

    The class is the nearest k to 2·log2(ratio): with ratio**4 between 2**(2k-1) and 2**(2k+1).
    """
    before, after = gaps[:-1] ** 4, gaps[1:] ** 4
    classes = np.zeros(len(before), np.int64)
    for k in range(1, RATIO_CLASSES + 1):
        classes += after >= before << (2 * k - 1)
        classes -= before >= after << (2 * k - 1)
    return classes


def shingles(notes: Sequence[Note]) -> list[Hashes]:
    """Hashes of the shingles of each line of ``lines_of``, in order; plain ones are 0. ``notes`` are sorted."""
    return [hashes_of(tokens(line)) for line in lines_of(notes)]


def hashes_of(line: NDArray[np.int64]) -> Hashes:
    """Hashes of the shingles of one line of tokens, in order; plain ones are 0."""
    count = len(line) - SHINGLE + 1
    if count <= 0:
        return np.zeros(0, np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(line, SHINGLE)
    value: Hashes = np.zeros(count, np.uint64)
    for column in range(SHINGLE):
        value = value * MULTIPLIER + windows[:, column].astype(np.uint64) + np.uint64(1)
        value = (value ^ (value >> np.uint64(30))) * MIX1
    value = (value ^ (value >> np.uint64(27))) * MIX2
    value ^= value >> np.uint64(31)
    value[_plain(windows)] = 0
    return value


def _plain(windows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each window is a repeated note or a scale in one direction, in even rhythm."""
    interval = windows // (2 * RATIO_CLASSES + 1) - WIDEST
    even = (windows % (2 * RATIO_CLASSES + 1) == RATIO_CLASSES).all(axis=1)
    up = ((interval >= 1) & (interval <= STEP)).all(axis=1)
    down = ((interval <= -1) & (interval >= -STEP)).all(axis=1)
    same = (interval == 0).all(axis=1)
    plain: NDArray[np.bool_] = even & (up | down | same)
    return plain


def distinct(lines: Sequence[Hashes]) -> Hashes:
    """The different hashes of some lines, sorted, without the plain ones: what an index keeps of a piece."""
    found = np.unique(np.concatenate([np.zeros(0, np.uint64), *lines]))
    kept: Hashes = found[found != 0]
    return kept


def longest_run(lines: Sequence[Hashes], *, known: Hashes) -> int:
    """Notes in the longest run of which every shingle is in ``known`` (sorted); 0 if none is.

    Shingles of ``known`` that are not next to each other there may join here: the run is never underrated.
    """
    best = 0
    for line in lines:
        if not len(line) or not len(known):
            continue
        place = np.minimum(np.searchsorted(known, line), len(known) - 1)
        hits = np.concatenate([[False], (known[place] == line) & (line != 0), [False]])
        edges = np.flatnonzero(hits[1:] != hits[:-1])
        best = max(best, int((edges[1::2] - edges[::2]).max(initial=0)))
    return best + NOTES_IN_SHINGLE - 1 if best else 0


def lines_on_record(notes: Sequence[Note]) -> Lines:
    """Return what the register of works keeps of a piece. ``notes`` are sorted."""
    return tuple(
        Line("".join(map(chr, tokens(line).tolist())), tuple(reduced(line))) for line in lines_of(notes)
    )
