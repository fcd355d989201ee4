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
Frequencies = NDArray[np.float64]

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
    *((f"pitch: moves on end that the {line} has made before, {how}: none, 1, 2, 3, 4 or 5, 6 to 8, 9 or more", 7)
      for line in _LINES for how in ("from the same notes", "on any step of the scale")),
    ("pitch: move of the top line to a note added to a chord, the highest so far", 9 * 3 * 2),
    ("pitch: above a bass that has moved, the top line does too or not: one of them, both alike, or contrary", 3),
    ("pitch: two classes sound: one of them, a third that makes a triad, or another", 3),
    *((f"pitch: {what} sounds: one of its classes, a fourth that makes a chord of the seventh, or another", 3)
      for what in ("a triad", "another three")),
    ("pitch: more than three classes sound: one of them or another", 2),
    *((f"advance: in a bar with {onsets} onsets than the one before: within it, to the bar line after it, or beyond", 3)
      for onsets in ("fewer", "no more and no fewer", "more")),
    *((f"pitch: after {moves} one way the {line} goes on or turns", 2)
      for line in _LINES for moves in ("a move", "two moves", "three", "four or five", "six or more")),
    *((f"pitch: from {where} the mean of its last notes the {line} goes down, stays or goes up", 3)
      for line in _LINES for where in ("below", "near", "above")),
)  # fmt: skip
"""What each family of classes tells apart, and how many classes it has; new ones come last (:func:`completed`)."""

LEANINGS = sum(size for _, size in FAMILIES)

_FIRST_LEANINGS = 206
"""As many classes there were in the first models that leaned."""

E_FOLD = 512.0
"""The leaning that makes a class e times as likely."""

MOST = 1024
"""A class is made at most e**2 times as likely, or as rare."""

_UNSEEN = 0.0003
"""Part of the notes that each family is thought to have had besides, evenly spread: no class is impossible."""


def none() -> Leanings:
    """The network as it is."""
    return np.zeros(LEANINGS, np.int32)


def completed(stored: Leanings) -> Leanings:
    """Leanings as a model holds them, which may be older than some families: those lean nowhere.

    Raises ``ValueError`` if there never were so many classes.
    """
    if stored.shape not in ((_FIRST_LEANINGS,), (LEANINGS,)):
        raise ValueError(f"There are leanings of shape {stored.shape}, not of {LEANINGS} classes.")
    found = none()
    found[: len(stored)] = stored
    return found


def counted(score: Score) -> Counts:
    """How many notes of a piece are of each class."""
    found = np.zeros(LEANINGS, np.int64)
    shift = key_shift(tonic=score.tonic, mode=score.mode)
    notes = fit(score.notes, shift=shift)
    if not notes:
        return found
    events = np.array(encode(notes, shift=shift)[:-1], np.int32)
    written = np.concatenate([np.array([[note.onset] for note in notes], np.int32), events], axis=1)
    place, weights = np.array([score.steps_per_bar, score.pickup], np.int32), strengths(score.metre)
    library().count_leanings(
        address(written, INT32),
        len(written),
        address(place, INT32),
        address(weights, INT32),
        address(found, INT64),
    )
    return found


def frequencies(scores: Iterable[Score]) -> Frequencies:
    """How often each class comes for each note, on the mean of some excerpts: busy and calm ones weigh alike."""
    found = [counted(score) / max(1, len(score.notes)) for score in scores]
    mean: Frequencies = np.mean(found, axis=0) if found else np.zeros(LEANINGS)
    return mean


def corrected(leanings: Leanings, *, real: Frequencies, made: Frequencies, pace: float) -> Leanings:
    """One round of scaling: what pieces ``made`` with these leanings have too much of becomes rarer.

    ``made`` (orders, classes) are the frequencies in the pieces of each order. A difference is corrected the less, the
    more of it the differences between the orders account for (after James & Stein 1961), and that by its part ``pace``
    (0 ... 1): orders are few, and each is in the style of another stretch of music.
    """
    theirs, ours = _shares(real), _shares(made.mean(axis=0))
    accounted = _spread(made) / np.maximum(np.abs(theirs - ours), 1e-9)
    sure = np.maximum(0.0, 1 - accounted**2) * _seen(made)
    found = leanings + pace * sure * E_FOLD * np.log(theirs / ours)
    rounded: Leanings = np.rint(np.clip(found, -MOST, MOST)).astype(np.int32)
    return rounded


def divergence(*, real: Frequencies, made: Frequencies) -> list[float]:
    """Of each family, how far the made pieces' classes are from the real ones' (Kullback-Leibler, bits a note)."""
    theirs, ours = _shares(real), _shares(made.mean(axis=0))
    each = theirs * np.log2(theirs / ours)
    return [float(part.sum()) for part in _families(each)]


def _families(values: Frequencies) -> list[Frequencies]:
    return np.split(values, np.cumsum([size for _, size in FAMILIES[:-1]]), axis=-1)


def _shares(frequencies: Frequencies) -> Frequencies:
    """Share of each class in its family."""
    return np.concatenate(
        [(part + _UNSEEN / len(part)) / (part.sum() + _UNSEEN) for part in _families(frequencies)]
    )


def _seen(made: Frequencies) -> Frequencies:
    """How far what was made says anything of each class (0 ... 1): nothing if its family never came."""
    totals = np.array([part.sum() for part in _families(made.mean(axis=0))])
    return np.repeat(totals / (totals + _UNSEEN), [size for _, size in FAMILIES])


def _spread(made: Frequencies) -> Frequencies:
    """Standard error of each class's share in its family, from what it is in each order."""
    found = []
    for part in _families(made):
        total = part.sum(axis=1, keepdims=True)
        apart = part - total * part.sum(axis=0) / max(total.sum(), 1e-9)
        found.append(np.sqrt((apart**2).sum(axis=0)) / (total.sum() + _UNSEEN))
    return np.concatenate(found)
