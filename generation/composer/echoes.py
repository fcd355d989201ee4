"""Keeping candidates from quoting: top and bass line of each are followed, shingle by shingle. Compiled by Numba.

Tokens, shingles and hashes are those of :mod:`generation.originality.runs`; a shingle is known by the top 32 bits of
its hash. A run is a stretch of known shingles on end, whatever pieces they come from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from generation.composer.context import DURATION, ONSET, PITCH, Written
from generation.composer.events import DURATIONS
from generation.composer.rules import Mask
from generation.originality import runs

MOST_SHINGLES = 2
"""Known shingles on end that a line may have: with one more, a run would be 13 notes long."""

NOTES, LAST_ONSET, LAST_PITCH, LAST_GAP, RUN, TOKENS, FIRST_TOKEN = range(7)
_BEFORE = runs.SHINGLE - 1
LINE = FIRST_TOKEN + _BEFORE
"""Numbers kept of a line: notes so far, the last one's onset and pitch, the gap before it, known shingles on end, tokens
so far, and the last tokens that a shingle needs before its own."""

_SEARCH = 40
_DURATION_STEPS = np.array(DURATIONS, np.int64)
_MULTIPLIER, _MIX1, _MIX2 = runs.MULTIPLIER, runs.MIX1, runs.MIX2
_CLASSES = runs.RATIO_CLASSES
_WIDEST = runs.WIDEST
_STEP = runs.STEP


@njit(cache=True)
def _token(interval: int, before: int, after: int) -> int:
    """Token of a note: its interval, and the class of the gap before it to the gap before that."""
    ratio = 0
    low, high = before**4, after**4
    for k in range(1, _CLASSES + 1):
        if high >= low << (2 * k - 1):
            ratio += 1
        if low >= high << (2 * k - 1):
            ratio -= 1
    return (min(_WIDEST, max(-_WIDEST, interval)) + _WIDEST) * (2 * _CLASSES + 1) + ratio + _CLASSES


@njit(cache=True)
def _is_known(line: Any, token: int, known: Any) -> bool:
    """Whether the shingle that ``token`` completes is one of ``known``; plain ones never are."""
    even = up = down = same = True
    value = np.uint64(0)
    for place in range(_BEFORE + 1):
        one = line[FIRST_TOKEN + place] if place < _BEFORE else token
        interval = one // (2 * _CLASSES + 1) - _WIDEST
        even &= one % (2 * _CLASSES + 1) == _CLASSES
        up &= 1 <= interval <= _STEP
        down &= -_STEP <= interval <= -1
        same &= interval == 0
        value = value * _MULTIPLIER + np.uint64(one) + np.uint64(1)
        value = (value ^ (value >> np.uint64(30))) * _MIX1
    if even and (up or down or same):
        return False
    value = (value ^ (value >> np.uint64(27))) * _MIX2
    value ^= value >> np.uint64(31)
    found = np.uint32(value >> np.uint64(32))
    low, high = 0, len(known)
    while low < high:
        middle = (low + high) // 2
        if known[middle] < found:
            low = middle + 1
        else:
            high = middle
    return low < len(known) and known[low] == found


@njit(cache=True)
def _outermost(notes: Written, first: int, onset: int, pitch: int, sign: int) -> bool:
    """Whether nothing that began before note ``first`` and sounds at ``onset`` lies beyond ``pitch``.

    Of an earlier chord only its own outermost note counts, as in :func:`generation.originality.runs.top_line`.
    """
    for index in range(max(0, first - _SEARCH), first):
        beside = index + sign
        if 0 <= beside < first and notes[beside, ONSET] == notes[index, ONSET]:
            continue
        end = notes[index, ONSET] + _DURATION_STEPS[notes[index, DURATION]]
        if end > onset and notes[index, PITCH] * sign > pitch * sign:
            return False
    return True


@njit(cache=True)
def follow(notes: Written, count: int, lines: Any, known: Any) -> None:
    """Add the last onset's highest and lowest note to the lines they belong to."""
    first = count - 1
    while first > 0 and notes[first - 1, ONSET] == notes[count - 1, ONSET]:
        first -= 1
    for which, index, sign in ((0, count - 1, 1), (1, first, -1)):
        onset, pitch = notes[index, ONSET], notes[index, PITCH]
        if not _outermost(notes, first, onset, pitch, sign):
            continue
        line = lines[which]
        gap = onset - line[LAST_ONSET]
        if line[NOTES] >= 2:
            token = _token(pitch - line[LAST_PITCH], line[LAST_GAP], gap)
            known_now = line[TOKENS] >= _BEFORE and _is_known(line, token, known)
            line[RUN] = line[RUN] + 1 if known_now else 0
            line[FIRST_TOKEN : LINE - 1] = line[FIRST_TOKEN + 1 : LINE].copy()
            line[LINE - 1] = token
            line[TOKENS] += 1
        line[NOTES] += 1
        line[LAST_ONSET], line[LAST_PITCH], line[LAST_GAP] = onset, pitch, gap


@njit(cache=True)
def forbid_long_runs(
    notes: Written, count: int, lines: Any, onset: int, chord: bool, known: Any, allowed: Mask
) -> None:
    """Take from ``allowed`` the pitches that would make a line's run of known shingles too long.

    At least one pitch stays: a piece that cannot but quote is refused when it is finished.
    """
    before = count
    if chord:
        while before > 0 and notes[before - 1, ONSET] == onset:
            before -= 1
    else:
        # the onset before this one is complete, but not yet part of its lines
        lines = lines.copy()
        if count:
            follow(notes, count, lines, known)
    for which, sign in ((0, 1), (1, -1)):
        line = lines[which]
        if line[RUN] < MOST_SHINGLES or (chord and which):
            continue
        left = allowed.sum()
        for pitch in range(len(allowed)):
            if not allowed[pitch] or left == 1 or not _outermost(notes, before, onset, pitch, sign):
                continue
            token = _token(pitch - line[LAST_PITCH], line[LAST_GAP], onset - line[LAST_ONSET])
            if _is_known(line, token, known):
                allowed[pitch] = False
                left -= 1
