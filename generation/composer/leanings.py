"""Leanings: what a network does too often or too seldom when it listens to itself, made rarer or likelier.

A network that reads real music predicts it well; one that reads what it has just written drifts: seconds against held
notes, turns of the line, notes of the bar before come oftener than in real pieces, since every drawn note is a little
unlike. So the logits are tilted: the probability of a class is multiplied by ``exp`` of its leaning. Of all ways to
give the classes the frequencies they have in real music this changes the network least (relative entropy: Csiszar
1975, doi 10.1214/aop/1176996454). The leanings are found by iterative scaling (Darroch & Ratcliff 1972, doi
10.1214/aoms/1177692379) on what the composer writes freely, not on what it says of real music: it is the drift that is
to go.

A note's classes go by what was written before it and by the place in the bar alone (:data:`FAMILIES`); both outer lines
are those of :mod:`generation.originality.lines`. Compiled (:mod:`.kernel`).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from generation.composer.context import strengths
from generation.composer.events import DURATIONS, encode, fit, key_shift
from generation.composer.kernel import INT32, INT64, address, library
from generation.composer.score import Score

Leanings = NDArray[np.int32]
"""One for each class, in units of a logit's 2**-9."""

Counts = NDArray[np.int64]

_LINES = ("top", "bass")

FAMILIES = (
    ("pitch: interval to each note struck with it, 0 to 6 semitones, inversions and octaves alike", 7),
    ("pitch: interval to each note held from before", 7),
    ("pitch: move of the top line to the last note of a chord, by size, way (on or back) and direction", 9 * 3 * 2),
    ("pitch: move of the bass to the first note of a chord", 9 * 3 * 2),
    ("pitch: its class struck in this bar or not, and in the bar before or not", 4),
    *((f"pitch: not what a motif of the {line} goes on with, or so by the motif's moves", 4) for line in _LINES),
    *((f"pitch: {line} is not held, or is and it goes beyond it or not", 3) for line in _LINES),
    *((f"advance: a chord of {notes} grows or not", 2) for notes in ("one", "two", "three", "four or more")),
    *((f"advance: the {line} leaves a gap, joins or overlaps", 3) for line in _LINES),
    ("advance: metrical weight of the onset", 5),
    *((f"advance: not where a motif of the {line} goes on, or so by the motif's moves", 3) for line in _LINES),
    ("duration: held over the bar line or not", 2),
    ("duration: its class", len(DURATIONS)),
)  # fmt: skip
"""What each family of classes tells apart, and how many classes it has."""

LEANINGS = sum(size for _, size in FAMILIES)

E_FOLD = 512.0
"""The leaning that makes a class e times as likely."""

MOST = 1024
"""A class is made at most e**2 times as likely, or as rare."""

_EXPECTED = 20.0
"""Notes that each family is thought to have had beforehand, evenly spread: rare classes say little."""


def none() -> Leanings:
    """The network as it is."""
    return np.zeros(LEANINGS, np.int32)


def counted(scores: Iterable[Score]) -> Counts:
    """How many notes of some pieces were of each class."""
    total = np.zeros(LEANINGS, np.int64)
    for score in scores:
        shift = key_shift(tonic=score.tonic, mode=score.mode)
        notes = fit(score.notes, shift=shift)
        if not notes:
            continue
        events = np.array(encode(notes, shift=shift)[:-1], np.int32)
        written = np.concatenate([np.array([[note.onset] for note in notes], np.int32), events], axis=1)
        place, weights = np.array([score.steps_per_bar, score.pickup], np.int32), strengths(score.metre)
        library().count_leanings(
            address(written, INT32), len(written), address(place, INT32), address(weights, INT32),
            address(total, INT64),
        )  # fmt: skip
    return total


def corrected(leanings: Leanings, *, real: Counts, made: Counts, pace: float) -> Leanings:
    """One round of scaling: what pieces ``made`` with these leanings have too much of becomes rarer.

    ``pace`` (0 ... 1) is the part of the correction that is made.
    """
    found = leanings + pace * E_FOLD * np.log(_rates(real) / _rates(made))
    rounded: Leanings = np.rint(np.clip(found, -MOST, MOST)).astype(np.int32)
    return rounded


def divergence(*, real: Counts, made: Counts) -> list[float]:
    """Of each family, how far the made pieces' classes are from the real ones' (Kullback-Leibler, bits a note)."""
    theirs, ours = _rates(real), _rates(made)
    each = theirs * np.log2(theirs / ours)
    return [float(part.sum()) for part in np.split(each, _starts()[1:])]


def _starts() -> NDArray[np.int64]:
    starts: NDArray[np.int64] = np.cumsum([0, *(size for _, size in FAMILIES[:-1])])
    return starts


def _rates(counts: Counts) -> NDArray[np.float64]:
    """Share of each class in its family."""
    families = np.split(counts.astype(np.float64), _starts()[1:])
    return np.concatenate([(one + _EXPECTED / len(one)) / (one.sum() + _EXPECTED) for one in families])
