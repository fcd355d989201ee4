"""Measures of a score: what it is like, as numbers that need no trained network.

Formulas: pitch-class entropy, scale and groove consistency and empty beats after MusPy; bar similarity after
Museformer (arXiv 2210.10349): the Jaccard index of the (position, pitch, duration) sets of two bars. Groove
is on the grid of 12 steps a quarter.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence

from generation.composer.events import key_shift
from generation.composer.score import STEPS_PER_QUARTER, Note, Score
from generation.originality.runs import top_line

LAGS = (1, 2, 4, 8)
EXCERPT_BARS = 16
PAPER_ELEMENTS = 200
"""Elements in which the paper counts the different ones."""

HELD = 1.5
"""A last note is long if it lasts this many times the median note."""

_MAJOR = frozenset({0, 2, 4, 5, 7, 9, 11})
_HARMONIC_MINOR = frozenset({0, 2, 3, 5, 7, 8, 11})
Bar = frozenset[tuple[int, int, int]]


def measure(score: Score) -> dict[str, float]:
    """All measures of a score by name; lags that the piece is too short for are left out."""
    notes = score.notes
    if not notes:
        raise ValueError("A score without notes has no measures.")
    bars = bars_of(score)
    onsets = Counter(note.onset for note in notes)
    line = top_line(notes)
    found = {
        "notes_per_quarter": len(notes) * STEPS_PER_QUARTER / score.steps,
        "chord_size": len(notes) / len(onsets),
        "pitch_range": float(max(n.pitch for n in notes) - min(n.pitch for n in notes)),
        "mean_pitch": sum(n.pitch for n in notes) / len(notes),
        "pitch_class_entropy": entropy(n.pitch % 12 for n in notes),
        "scale_consistency": _scale_consistency(notes),
        "duration_entropy": entropy(n.duration for n in notes),
        "mean_duration": sum(n.duration for n in notes) / len(notes) / STEPS_PER_QUARTER,
        "onset_entropy": entropy((n.onset - score.pickup) % score.steps_per_bar for n in notes),
        "on_beat": sum((onset - score.pickup) % STEPS_PER_QUARTER == 0 for onset in onsets) / len(onsets),
        "groove_consistency": _groove_consistency(bars, steps=score.steps_per_bar),
        "empty_beats": _empty_beats(score),
        "longest_silence": _longest_silence(score),
        "bar_recurrence": _recurrence(bars, key=lambda bar: bar),
        "rhythm_recurrence": _recurrence(bars, key=lambda bar: frozenset(position for position, _, _ in bar)),
        "unique_elements": float(unique_elements(notes, first=PAPER_ELEMENTS)),
        "ends_on_tonic": float(ends_on_tonic(score)),
        **_intervals(line),
    }
    for lag in LAGS:
        if len(bars) > lag:
            pairs = [jaccard(bars[i], bars[i - lag]) for i in range(lag, len(bars))]
            found[f"bar_similarity_{lag}"] = sum(pairs) / len(pairs)
    return found


def bars_of(score: Score) -> list[Bar]:
    """Sets of (position, pitch, duration), bar by bar; a pick-up is left out."""
    filled: list[set[tuple[int, int, int]]] = [set() for _ in range(score.bars)]
    for note in score.notes:
        bar, position = divmod(note.onset - score.pickup, score.steps_per_bar)
        if 0 <= bar < score.bars:
            filled[bar].add((position, note.pitch, note.duration))
    return [frozenset(bar) for bar in filled]


def excerpts(score: Score, *, bars: int) -> list[Score]:
    """A score cut into whole excerpts of some bars each; the rest is left out."""
    groups: dict[int, list[Note]] = defaultdict(list)
    length = bars * score.steps_per_bar
    for note in score.notes:
        index, onset = divmod(note.onset - score.pickup, length)
        groups[index].append(Note(onset, note.pitch, note.duration))
    return [
        Score(score.instrument, tuple(groups[index]), score.metre, bars, score.bpm, score.tonic, score.mode)
        for index in range(score.bars // bars)
        if len(groups[index]) >= 4 * bars
    ]


def entropy(values: Iterable[Hashable]) -> float:
    """Shannon entropy of the values' frequencies, in bits."""
    counts = Counter(values)
    total = counts.total()
    return -sum(count / total * math.log2(count / total) for count in counts.values())


def jaccard(one: Bar, other: Bar) -> float:
    """Share of common elements; two empty bars are not alike."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0


def unique_elements(notes: Sequence[Note], *, first: int | None = None) -> int:
    """Different elements as the paper counts them: a note by its pitch, a chord by its pitch classes."""
    chords: dict[int, set[int]] = defaultdict(set)
    for note in notes:
        chords[note.onset].add(note.pitch)
    elements: list[Hashable] = [
        next(iter(pitches)) if len(pitches) == 1 else frozenset(pitch % 12 for pitch in pitches)
        for _, pitches in sorted(chords.items())
    ]
    return len(set(elements[:first]))


def ends_on_tonic(score: Score) -> bool:
    """Whether the last sonority has the tonic in the bass."""
    last = score.notes[-1].onset
    bass = min(note.pitch for note in score.notes if note.onset == last)
    home = 0 if score.mode == "major" else 9
    return (bass - key_shift(tonic=score.tonic, mode=score.mode) - home) % 12 == 0


def ends_long(score: Score) -> bool:
    """Whether the longest note of the last sonority lasts half as long again as the median note."""
    last = score.notes[-1].onset
    length = max(note.duration for note in score.notes if note.onset == last)
    return length >= HELD * statistics.median(note.duration for note in score.notes)


def _scale_consistency(notes: Sequence[Note]) -> float:
    counts = Counter(note.pitch % 12 for note in notes)
    best = max(
        sum(counts[(tonic + degree) % 12] for degree in scale)
        for tonic in range(12)
        for scale in (_MAJOR, _HARMONIC_MINOR)
    )
    return best / len(notes)


def _groove_consistency(bars: Sequence[Bar], *, steps: int) -> float:
    onsets = [{position for position, _, _ in bar} for bar in bars]
    if len(onsets) < 2:
        return 1.0
    changed = sum(len(one ^ other) for one, other in itertools.pairwise(onsets))
    return 1.0 - changed / steps / (len(onsets) - 1)


def _empty_beats(score: Score) -> float:
    beats = max(1, score.steps // STEPS_PER_QUARTER)
    sounding: set[int] = set()
    for note in score.notes:
        sounding.update(
            range(note.onset // STEPS_PER_QUARTER, -(-(note.onset + note.duration) // STEPS_PER_QUARTER))
        )
    return 1.0 - len({beat for beat in sounding if beat < beats}) / beats


def _longest_silence(score: Score) -> float:
    """Quarter notes in the longest stretch where nothing sounds."""
    longest, end = 0, 0
    for note in score.notes:
        longest = max(longest, note.onset - end)
        end = max(end, note.onset + note.duration)
    return max(longest, score.steps - end) / STEPS_PER_QUARTER


def _recurrence(bars: Sequence[Bar], *, key: Callable[[Bar], Hashable]) -> float:
    seen: set[Hashable] = set()
    returned = 0
    for bar in bars:
        returned += bool(bar) and key(bar) in seen
        seen.add(key(bar))
    return returned / max(1, len(bars))


def _intervals(line: Sequence[Note]) -> dict[str, float]:
    sizes = [abs(b.pitch - a.pitch) for a, b in itertools.pairwise(line)] or [0]
    return {
        "mean_interval": sum(sizes) / len(sizes),
        "unison_share": sum(size == 0 for size in sizes) / len(sizes),
        "step_share": sum(1 <= size <= 2 for size in sizes) / len(sizes),
        "leap_share": sum(size > 7 for size in sizes) / len(sizes),
    }
