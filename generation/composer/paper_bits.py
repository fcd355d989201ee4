"""Held-out likelihood of the paper's recipe in the unit of our own: bits a note.

The paper predicts elements, which know neither octaves of a chord nor onsets, lengths or an end. What it cannot
say is charged by frequencies counted in the training data (each count one higher), so that both composers code the
very same notes:

- ``pitch``: the element by the network, then, for a chord, how many notes it has and which pitches of its classes.
  An element that training never saw costs an escape (the share of elements seen once: Good and Turing) and its
  pitches one by one. Ours must say here only the pitch; that a note belongs to the chord is in our ``advance``.
- ``advance``: grid steps since the last element, once an element, and the end of each section.
- ``duration``: of every note.

The totals can be compared; of the fields, ``pitch`` flatters neither much. The same sums with the elements'
frequencies in place of the network show what the network has learned (``…_by_frequency``).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from generation.composer.events import ADVANCES, DURATIONS, END, nearest
from generation.composer.paper import Indices, PaperModel, chords_of, element_of, known_indices, probabilities
from generation.composer.score import Score

AT_MOST = 2000
_LARGEST_CHORD = 128


class Frequencies:
    """Probabilities of the values by their counts, one added to each of the ``classes`` that there can be."""

    def __init__(self, values: Iterable[Hashable], *, classes: int) -> None:
        self._counts = Counter(values)
        self._total = self._counts.total() + classes

    def weight(self, value: Hashable) -> int:
        """Return the count of a value, one added."""
        return self._counts[value] + 1

    def bits(self, value: Hashable) -> float:
        """Return the cost of a value."""
        return math.log2(self._total / self.weight(value))


class _Tables:
    """Everything counted in the training scores."""

    def __init__(self, scores: Sequence[Score]) -> None:
        chords = [pitches for score in scores for _, pitches in chords_of(score)]
        sizes: dict[int, list[int]] = defaultdict(list)
        for pitches in chords:
            if len(pitches) > 1:
                sizes[len(_classes(pitches))].append(len(pitches))
        self.pitches = Frequencies((p for pitches in chords for p in pitches), classes=128)
        self.sizes = Frequencies((len(pitches) for pitches in chords), classes=_LARGEST_CHORD)
        self.sizes_of = {count: Frequencies(sizes[count], classes=_LARGEST_CHORD) for count in range(1, 13)}
        self.advances = Frequencies((a for score in scores for a in _advances(score)), classes=END + 1)
        self.durations = Frequencies(
            (d for score in scores for d in _durations(score)), classes=len(DURATIONS)
        )
        self.elements = Counter(element_of(pitches) for pitches in chords)
        once = sum(count == 1 for count in self.elements.values())
        self.escape = (once + 1) / (self.elements.total() + 2)

    def voicing(self, pitches: tuple[int, ...]) -> float:
        """Bits from a chord's element to its pitches: draws among the pitches of its classes, in any order."""
        if len(pitches) == 1:
            return 0.0
        classes = _classes(pitches)
        room = sum(self.pitches.weight(pitch) for pitch in range(128) if pitch % 12 in classes)
        drawn = sum(math.log2(room / self.pitches.weight(pitch)) for pitch in pitches)
        return self.sizes_of[len(classes)].bits(len(pitches)) + drawn - _orders(pitches)

    def unseen(self, pitches: tuple[int, ...]) -> float:
        """Bits of an element that the vocabulary lacks, to its pitches."""
        drawn = sum(self.pitches.bits(pitch) for pitch in pitches)
        return -math.log2(self.escape) + self.sizes.bits(len(pitches)) + drawn - _orders(pitches)

    def known(self, probability: float) -> float:
        """Bits of an element in the vocabulary, to itself."""
        return -math.log2((1.0 - self.escape) * max(probability, 1e-30))


def held_out_bits(
    model: PaperModel, *, training: Sequence[Score], held_out: Sequence[Score], at_most: int = AT_MOST
) -> dict[str, float]:
    """Bits a note of held-out scores by field, as the module says.

    The held-out scores are read on from the end of the training data, so that every element has a whole window
    before it. The network is asked at ``at_most`` elements, spread evenly; the rest is counted over all. Raises
    ``ValueError`` if nothing is held out.
    """
    chords = [pitches for score in held_out for _, pitches in chords_of(score)]
    if not chords:
        raise ValueError("No held-out score has a note: there is nothing to measure.")
    tables = _Tables(training)
    words = [element_of(pitches) for pitches in chords]
    seen = np.array([word in tables.elements for word in words])
    asked = np.linspace(0, len(words) - 1, min(at_most, len(words))).astype(np.intp)
    costs = _network_costs(model, words=words, asked=asked, tables=tables, seen=seen)
    network = np.array([costs[i] if seen[i] else tables.unseen(chords[i]) for i in asked])
    total = tables.elements.total()
    counted = np.array([
        tables.known(tables.elements[word] / total) if known else tables.unseen(pitches)
        for word, known, pitches in zip(words, seen, chords, strict=True)
    ])  # fmt: skip
    voicing = np.array([
        tables.voicing(pitches) if known else 0.0 for known, pitches in zip(seen, chords, strict=True)
    ])  # fmt: skip
    notes = sum(len(pitches) for pitches in chords)
    each = len(words) / notes
    advance = sum(tables.advances.bits(a) for score in held_out for a in _advances(score)) / notes
    duration = sum(tables.durations.bits(d) for score in held_out for d in _durations(score)) / notes
    pitch, by_frequency = ((float(part.mean()) + float(voicing.mean())) * each for part in (network, counted))
    return {
        "bits_per_element": float(network.mean()),
        "bits_per_element_by_frequency": float(counted.mean()),
        "elements_per_note": each,
        "pitch": pitch,
        "advance": advance,
        "duration": duration,
        "total": pitch + advance + duration,
        "pitch_by_frequency": by_frequency,
        "total_by_frequency": by_frequency + advance + duration,
        "unseen_share": float(1.0 - seen.mean()),
        "elements_asked": float(len(asked)),
        "standard_error_of_pitch": float(network.std() / math.sqrt(len(network))) * each,
    }


def _network_costs(
    model: PaperModel, *, words: Sequence[str], asked: Indices, tables: _Tables, seen: NDArray[np.bool_]
) -> dict[int, float]:
    """Bits by the network at the asked places whose element it knows."""
    window = model.recipe.window
    before = model.line[-window:]
    line = np.concatenate([before, known_indices(words, vocabulary=model.vocabulary, first=int(before[-1]))])
    places = np.array([index for index in asked if seen[index]], np.intp)
    if not len(places):
        return {}
    expected = probabilities(model, line=line, starts=places)
    return {
        int(place): tables.known(float(row[line[window + place]]))
        for place, row in zip(places, expected, strict=True)
    }


def _classes(pitches: Iterable[int]) -> frozenset[int]:
    return frozenset(pitch % 12 for pitch in pitches)


def _orders(pitches: Sequence[int]) -> float:
    """Bits that the order of drawing would cost, which nobody needs to know."""
    return math.log2(math.factorial(len(pitches)))


def _advances(score: Score) -> list[int]:
    onsets = [0, *(onset for onset, _ in chords_of(score))]
    steps = [after - before for before, after in pairwise(onsets)]
    return [*(nearest(step, table=ADVANCES) for step in steps), END]


def _durations(score: Score) -> list[int]:
    return [nearest(note.duration, table=DURATIONS) for note in score.notes]
