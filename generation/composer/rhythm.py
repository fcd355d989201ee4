"""From the notes of one staff to what is printed in each bar: voices, note values, tuplets and dots.

Time within a bar is counted in grid steps from where a full bar begins, so that a pickup begins late.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from generation.composer.score import STEPS_PER_QUARTER, Note, Score

SIXTEENTH, EIGHTH = STEPS_PER_QUARTER // 4, STEPS_PER_QUARTER // 2
_COMPOUND_BEAT = 3 * EIGHTH

KINDS = {96: "breve", 48: "whole", 24: "half", 12: "quarter", 6: "eighth", 3: "16th"}
_TRIPLET_KINDS = {16: "half", 8: "quarter", 4: "eighth", 2: "16th", 1: "32nd"}


@dataclass(frozen=True, slots=True)
class Tuplet:
    """``actual`` notes in the time of ``normal``, all from grid step ``start`` to ``end`` of the bar."""

    start: int
    end: int
    unit: int

    @property
    def actual(self) -> int:
        """Units that fill the tuplet."""
        return (self.end - self.start) // self.unit

    @property
    def normal(self) -> int:
        """Plain notes of the same sign that would fill it."""
        return self.actual * 2 // 3


@dataclass(frozen=True, slots=True)
class Symbol:
    """A chord, a note or (without pitches) a rest, written as one sign of ``length`` steps.

    ``heads`` maps pitches to the steps by which each ends before the sign does. ``from_before`` and
    ``into_next`` say whether a tie leads into it and out of it.
    """

    onset: int
    length: int
    heads: tuple[tuple[int, int], ...] = ()
    from_before: bool = False
    into_next: bool = False
    tuplet: Tuplet | None = None

    @property
    def end(self) -> int:
        """Grid step after it."""
        return self.onset + self.length

    @property
    def kind(self) -> str:
        """Name of the sign, as MusicXML calls it."""
        names = _TRIPLET_KINDS if self.tuplet else KINDS
        return names[self.length * 2 // 3 if self.dots else self.length]

    @property
    def dots(self) -> int:
        """0 or 1."""
        return int(self.length not in (_TRIPLET_KINDS if self.tuplet else KINDS))

    @property
    def staccato(self) -> bool:
        """Whether it sounds for half of its time or less."""
        return bool(self.heads) and all(2 * release >= self.length for _, release in self.heads)


@dataclass(frozen=True, slots=True)
class Metre:
    """What the bars of a score are made of, in grid steps.

    ``middle`` is where the second half of the bar begins, or the end of the bar where it has no halves of whole
    beats to be shown.
    """

    bar: int
    beat: int
    middle: int

    @property
    def is_compound(self) -> bool:
        """Whether a beat has three eighths."""
        return self.beat == _COMPOUND_BEAT


def metre_of(score: Score) -> Metre:
    """How the metre of ``score`` is counted: in quarters, in eighths, or in threes of eighths."""
    count, unit = score.metre
    bar = score.steps_per_bar
    if unit > 4:
        return Metre(bar, _COMPOUND_BEAT if unit == 8 and count % 3 == 0 else EIGHTH, bar)
    has_halves = count % 2 == 0 and bar >= 4 * STEPS_PER_QUARTER
    return Metre(bar, STEPS_PER_QUARTER, bar // 2 if has_halves else bar)


def written_bars(notes: Sequence[Note], *, score: Score) -> list[list[list[Symbol]]]:
    """Voices of each bar of one staff, the upper one first; every voice fills its bar.

    A bar has as few voices as can hold every note at its full length: notes that begin and end together are a
    chord, and whatever overlaps in another way stands in voices of its own.
    """
    metre = metre_of(score)
    full = [score.pickup + index * metre.bar for index in range(score.bars)]
    starts = [0, *full] if score.pickup else full
    ends = [*starts[1:], score.steps]
    ordered = sorted(notes)
    onsets = [note.onset for note in ordered]
    bars = []
    for start, end in zip(starts, ends, strict=True):
        origin = end - metre.bar
        sounding = [note for note in ordered if note.onset < end and note.onset + note.duration > start]
        fragments = _fragments(sounding, start=start, end=end, origin=origin, onsets=onsets)
        bars.append([_signs(voice, start=start - origin, metre=metre) for voice in _voices(fragments)])
    return bars


def _fragments(
    notes: Sequence[Note], *, start: int, end: int, origin: int, onsets: Sequence[int]
) -> list[Symbol]:
    """What sounds in a bar, as chords that still may have lengths no single sign can show."""
    chords: dict[tuple[int, int, bool, bool], dict[int, int]] = defaultdict(dict)
    for note in notes:
        stop = note.onset + note.duration
        first, last = max(note.onset, start), min(stop, end)
        release = 0
        if (first, last) == (note.onset, stop):
            following = bisect_left(onsets, stop)
            silent_until = min(end, onsets[following]) if following < len(onsets) else end
            release = _release(first - origin, last - origin, silent_until=silent_until - origin)
        key = (first - origin, last + release - first, note.onset < start, stop > end)
        chords[key][note.pitch] = release
    return [
        Symbol(onset, length, tuple(sorted(heads.items())), from_before, into_next)
        for (onset, length, from_before, into_next), heads in chords.items()
    ]


def _release(start: int, end: int, *, silent_until: int) -> int:
    """Steps by which a note is written longer than it sounds, into a silence that would need small rests.

    A sixteenth alone in its eighth becomes a staccato eighth, an end off the sixteenths moves to the next one.
    """
    if start % SIXTEENTH or silent_until % SIXTEENTH:
        return 0
    ceiling = -(-end // SIXTEENTH) * SIXTEENTH
    if ceiling - start == SIXTEENTH and start % EIGHTH == 0 and silent_until >= start + EIGHTH:
        ceiling = start + EIGHTH
    return ceiling - end if ceiling <= silent_until else 0


def _voices(fragments: Sequence[Symbol]) -> list[list[Symbol]]:
    """Fewest lines without overlaps, the highest first; a fragment joins the free line that is nearest in pitch."""
    voices: list[list[Symbol]] = []
    for fragment in sorted(fragments, key=lambda one: (one.onset, -one.heads[-1][0])):
        free = [voice for voice in voices if voice[-1].end <= fragment.onset]
        if free:
            pitch = fragment.heads[-1][0]
            min(free, key=lambda voice: abs(voice[-1].heads[-1][0] - pitch)).append(fragment)
        else:
            voices.append([fragment])
    return sorted(voices, key=_mean_pitch, reverse=True) or [[]]


def _mean_pitch(voice: Sequence[Symbol]) -> float:
    pitches = [pitch for symbol in voice for pitch, _ in symbol.heads]
    return sum(pitches) / len(pitches)


def _signs(voice: Sequence[Symbol], *, start: int, metre: Metre) -> list[Symbol]:
    """The voice in signs that exist, with rests wherever it is silent from ``start`` to the end of the bar."""
    if not voice and not start:
        return [Symbol(0, metre.bar)]
    marks = {start, *(mark for fragment in voice for mark in (fragment.onset, fragment.end))}
    tuplets = list(_tuplets(marks, metre=metre))
    signs: list[Symbol] = []
    at = start
    for fragment in voice:
        signs += _pieces(Symbol(at, fragment.onset - at), tuplets=tuplets, metre=metre)
        signs += _pieces(fragment, tuplets=tuplets, metre=metre)
        at = fragment.end
    return signs + list(_pieces(Symbol(at, metre.bar - at), tuplets=tuplets, metre=metre))


def _tuplets(marks: set[int], *, metre: Metre) -> Iterator[Tuplet]:
    """The places in a bar that are divided by three, seen from the beginnings and ends of a voice."""
    at = 0
    while at < metre.bar:
        size = EIGHTH
        if metre.beat == STEPS_PER_QUARTER:
            size = STEPS_PER_QUARTER * (1 if at % (2 * STEPS_PER_QUARTER) else 2)
        while at + size > metre.bar:
            size //= 2
        yield from _tuplets_within(marks, start=at, size=size)
        at += size


def _tuplets_within(marks: set[int], *, start: int, size: int) -> Iterator[Tuplet]:
    inside = [mark - start for mark in marks if start < mark < start + size]
    if all(mark % SIXTEENTH == 0 for mark in inside):
        return
    if all(mark % (size // 3) == 0 for mark in inside):
        yield Tuplet(start, start + size, size // 3)
    elif size == STEPS_PER_QUARTER and size // 2 not in inside and all(mark % 2 == 0 for mark in inside):
        yield Tuplet(start, start + size, 2)
    else:
        for half in (start, start + size // 2):
            yield from _tuplets_within(marks, start=half, size=size // 2)


def _pieces(whole: Symbol, *, tuplets: Sequence[Tuplet], metre: Metre) -> Iterator[Symbol]:
    """A stretch of time as signs that show where the beats are, tied where there is more than one."""
    at = whole.onset
    while at < whole.end:
        tuplet = next((one for one in tuplets if one.start <= at < one.end), None)
        if tuplet:
            room = min(whole.end, tuplet.end) - at
            length = next(size for size in (16, 8, 6, 4, 2, 1) if size <= room and _fits(size, tuplet))
        else:
            room = min([whole.end, *(one.start for one in tuplets if one.start > at)]) - at
            if not whole.heads:
                length = _rest(at, room=room, metre=metre)
            elif metre.is_compound:
                length = _compound(at, room=room)
            else:
                length = _simple(at, room=room, metre=metre)
        end = at + length
        heads = whole.heads if end == whole.end else tuple((pitch, 0) for pitch, _ in whole.heads)
        before = whole.from_before if at == whole.onset else bool(heads)
        after = whole.into_next if end == whole.end else bool(heads)
        yield Symbol(at, length, heads, before, after, tuplet)
        at = end


def _fits(length: int, tuplet: Tuplet) -> bool:
    """Whether one sign within the tuplet has this length."""
    units = (1, 2, 3, 4) if tuplet.actual > 3 else (1, 2)
    return length % tuplet.unit == 0 and length // tuplet.unit in units


def _largest(sizes: Sequence[int], *, room: int) -> int:
    return next(size for size in sizes if size <= room)


def _simple(at: int, *, room: int, metre: Metre) -> int:
    """Length of a note at a place in a bar of quarters; what begins off the beat shows the middle of the bar."""
    inside = at % STEPS_PER_QUARTER
    if inside % EIGHTH:
        return _largest((9, 6, 3), room=min(room, STEPS_PER_QUARTER - inside))
    if inside:
        to_middle = metre.middle - at if at < metre.middle else metre.bar - at
        return _largest((18, 12, 6, 3), room=min(room, to_middle))
    return _largest((96, 72, 48, 36, 24, 18, 12, 9, 6, 3), room=room)


def _compound(at: int, *, room: int) -> int:
    """Length of a note at a place in a bar of dotted quarters; none but whole beats goes past a beat."""
    inside = at % _COMPOUND_BEAT
    if not inside and room >= _COMPOUND_BEAT:
        return _largest((72, 36, 18), room=room)
    room = min(room, _COMPOUND_BEAT - inside)
    return _largest((6, 3) if inside % EIGHTH else (12, 9, 6, 3), room=room)


def _rest(at: int, *, room: int, metre: Metre) -> int:
    """Length of a rest at a place in the bar: never over a beat that it does not begin on."""
    if metre.is_compound:
        inside = at % _COMPOUND_BEAT
        if not inside and room >= _COMPOUND_BEAT:
            return 36 if at % 36 == 0 and room >= 36 else 18
        room = min(room, _COMPOUND_BEAT - inside)
        return _largest((12, 6, 3) if not inside else (6, 3) if inside % EIGHTH == 0 else (3,), room=room)
    if at % STEPS_PER_QUARTER == 0 and room == EIGHTH + SIXTEENTH:
        return room
    sizes = (48, 24, 12, 6, 3) if metre.middle < metre.bar else (12, 6, 3)
    return next(size for size in sizes if size <= room and at % size == 0)
