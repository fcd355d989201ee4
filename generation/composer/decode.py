"""Decoding: candidates are drawn event by event, side by side in one batch, under the rules of the plan."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from generation.composer.context import Follower
from generation.composer.events import (
    ADVANCES,
    DURATIONS,
    END,
    LOWEST_PITCH,
    PITCHES,
    Event,
    decode,
    key_shift,
    nearest,
)
from generation.composer.plan import Phrase, PiecePlan, Player
from generation.composer.runtime import Core
from generation.composer.sampling import Stream, draw
from generation.composer.score import Note, Score

Mask = NDArray[np.bool_]

RHYTHM_NUCLEUS = 0.97
PITCH_NUCLEUS = 0.97
LONGEST_GAP = 24
"""Grid steps of silence allowed between notes: a half note."""

MOST_EQUAL_PITCHES = 3

MUDDY_BELOW = 48
"""MIDI pitch below which notes sounding together are at least ``CLEAR_INTERVAL`` semitones apart."""

CLEAR_INTERVAL = 4

STALE_BARS = 3
"""Equal bars running after which the temperature is raised, to ``STALE_HEAT`` times the ordered one."""

STALE_HEAT = 1.6

_ADVANCE_STEPS = np.array([*ADVANCES, 0])
_DURATION_STEPS = np.array(DURATIONS)
_ADVANCE_CLASS = {steps: index for index, steps in enumerate(ADVANCES)}
_PITCH_CLASSES = (np.arange(PITCHES) + LOWEST_PITCH) % 12
_TRIADS = {"major": (0, 4, 7), "minor": (9, 0, 4)}


class Candidate:
    """One piece in the making: what has been written, what sounds, and what may come next."""

    def __init__(self, plan: PiecePlan, *, stream: Stream, temperature: float) -> None:
        self.follower = Follower(plan.frame)
        self.events: list[Event] = []
        self.done = False
        self._plan = plan
        self._stream = stream
        self._temperature = temperature
        self._bar = plan.frame.steps_per_bar
        self._final = (plan.bars - 1) * self._bar
        shift = key_shift(tonic=plan.tonic, mode=plan.frame.mode)
        keys = np.arange(PITCHES) + LOWEST_PITCH + shift
        self._muddy = MUDDY_BELOW - LOWEST_PITCH - shift
        self._range: Mask = (keys >= plan.player.low) & (keys <= plan.player.high)
        triad = _TRIADS[plan.frame.mode]
        self._tonic: Mask = np.isin(_PITCH_CLASSES, triad[:1])
        self._triad: Mask = np.isin(_PITCH_CLASSES, triad)
        self._notes: list[tuple[int, Event]] = []
        self._sounding: list[tuple[int, int]] = []
        self._replays = deque(phrase for phrase in plan.phrases if phrase.replayed)
        self._forced: deque[tuple[int, Event]] = deque()
        self._earliest = 0
        self._bars: list[list[tuple[int, int]]] = [[]]

    @property
    def share(self) -> float:
        """How much of the piece is written, 0 … 1."""
        return 1.0 if self.done else self.follower.onset / (self._plan.bars * self._bar)

    def choose_advance(self, logits: NDArray[np.int64]) -> int:
        """Draw the advance; sets ``done`` where it is ``END``."""
        if self._forced:
            return _ADVANCE_CLASS[self._forced[0][0] - self.follower.onset]
        advance = self._draw(logits, allowed=self._advances(), nucleus=RHYTHM_NUCLEUS)
        self.done = advance == END
        if not self.done and self._begin_replay(self.follower.onset + ADVANCES[advance]):
            return _ADVANCE_CLASS[self._forced[0][0] - self.follower.onset]
        return advance

    def choose_pitch(self, logits: NDArray[np.int64], *, advance: int) -> int:
        """Draw the pitch class index for an advance."""
        if self._forced:
            return self._forced[0][1].pitch
        onset = self.follower.onset + ADVANCES[advance]
        allowed = self._pitches(onset)
        if not allowed.any():
            allowed = self._range & ~self._held(onset)
        return self._draw(logits, allowed=allowed, nucleus=PITCH_NUCLEUS)

    def choose_duration(self, logits: NDArray[np.int64], *, advance: int) -> int:
        """Draw the duration class for an advance."""
        if self._forced:
            return self._forced[0][1].duration
        onset = self.follower.onset + ADVANCES[advance]
        if onset == self._final:
            return nearest(self._bar, table=DURATIONS)
        allowed = onset + _DURATION_STEPS <= self._final
        return self._draw(logits, allowed=allowed, nucleus=RHYTHM_NUCLEUS)

    def push(self, event: Event) -> None:
        """Write the drawn event down."""
        if self._forced:
            self._forced.popleft()
        self.events.append(event)
        self.follower.push(event)
        onset = self.follower.onset
        self._notes.append((onset, event))
        self._sounding = [(end, pitch) for end, pitch in self._sounding if end > onset]
        self._sounding.append((onset + DURATIONS[event.duration], event.pitch))
        bar, position = divmod(onset, self._bar)
        self._bars.extend([] for _ in range(bar + 1 - len(self._bars)))
        self._bars[bar].append((position, event.pitch))

    def _draw(self, logits: NDArray[np.int64], *, allowed: Mask, nucleus: float) -> int:
        finished = self._bars[-STALE_BARS - 1 : -1]
        stale = len(finished) == STALE_BARS and finished.count(finished[0]) == STALE_BARS
        temperature = self._temperature * (STALE_HEAT if stale else 1.0)
        return draw(logits, allowed=allowed, temperature=temperature, nucleus=nucleus, stream=self._stream)

    def _advances(self) -> Mask:
        """Advances that keep the plan: no END before the end, no long silence, hands free."""
        onset = self.follower.onset
        allowed = np.zeros(END + 1, np.bool_)
        if self.events and onset == self._final:
            allowed[0] = self._chord_may_grow()
            allowed[END] = True
            return allowed
        earliest = max(self._earliest, onset)
        ends = sorted(end for end, _ in self._sounding)
        voices = self._plan.player.voices
        if len(ends) >= voices:
            earliest = max(earliest, ends[len(ends) - voices])
        latest = min(self._final, max([earliest, *ends]) + LONGEST_GAP)
        target = onset + _ADVANCE_STEPS
        allowed = (target >= earliest) & (target <= latest)
        allowed[END] = False
        if self.events:
            allowed[0] &= self._chord_may_grow()
        if not allowed.any():
            # between two entries of the table: the longest one that does not pass the final bar line
            allowed[bisect_left(ADVANCES, self._final - onset + 1) - 1] = True
        return allowed

    def _chord_may_grow(self) -> bool:
        return len(self._sounding) < self._plan.player.voices and bool(
            self._pitches(self.follower.onset).any()
        )

    def _pitches(self, onset: int) -> Mask:
        """Pitches that can be played at ``onset`` and that the plan allows there."""
        held = sorted(pitch for end, pitch in self._sounding if end > onset)
        allowed = self._range & ~self._held(onset) & _reachable(held, player=self._plan.player)
        for pitch in held:
            if pitch < self._muddy:
                allowed[max(0, pitch - CLEAR_INTERVAL + 1) : pitch + CLEAR_INTERVAL] = False
        chord = bool(self.events) and onset == self.follower.onset
        if chord:
            allowed[: self.events[-1].pitch + 1] = False
        if onset == self._final:
            allowed &= self._triad if chord else self._tonic
        running = {event.pitch for event in self.events[-MOST_EQUAL_PITCHES:]}
        if len(running) == 1 and len(self.events) >= MOST_EQUAL_PITCHES and onset != self._final:
            allowed[next(iter(running))] = False
        return allowed

    def _held(self, onset: int) -> Mask:
        mask = np.zeros(PITCHES, np.bool_)
        mask[[pitch for end, pitch in self._sounding if end > onset]] = True
        return mask

    def _begin_replay(self, onset: int) -> bool:
        """If ``onset`` reaches a repeated phrase, line up the notes it repeats."""
        while self._replays and onset >= self._replays[0].start * self._bar:
            phrase = self._replays.popleft()
            self._forced.extend(self._repeat_of(phrase))
            if self._forced and self._forced[0][0] - self.follower.onset in _ADVANCE_CLASS:
                self._earliest = (phrase.start + phrase.replayed) * self._bar
                return True
            self._forced.clear()
        return False

    def _repeat_of(self, phrase: Phrase) -> list[tuple[int, Event]]:
        first = phrase.source * self._bar
        last = first + phrase.replayed * self._bar
        moved = (phrase.start - phrase.source) * self._bar
        onset = (self.follower.onset, -1)
        lined_up = [(at + moved, event) for at, event in self._notes if first <= at < last]
        return [item for item in lined_up if (item[0], item[1].pitch) > onset]


def _reachable(held: Sequence[int], *, player: Player) -> Mask:
    """Pitches that the player's hands can add to what they hold (sorted)."""
    span = player.span
    mask = np.zeros(PITCHES, np.bool_)
    if player.hands == 1 or not held:
        low = held[-1] - span if held else 0
        high = held[0] + span if held else PITCHES
        mask[max(0, low) : high + 1] = True
        return mask
    for split in range(len(held) + 1):
        groups = held[:split], held[split:]
        if any(group and group[-1] - group[0] > span for group in groups):
            continue
        for group in groups:
            low, high = (group[-1] - span, group[0] + span) if group else (0, PITCHES)
            mask[max(0, low) : high + 1] = True
    return mask


def decode_batch(
    plan: PiecePlan, *, core: Core, candidates: Sequence[Candidate], progress: Callable[[float, int], None]
) -> list[Score]:
    """Write all candidates to their ends; ``progress(share, notes)`` is called after each step."""
    states = core.start(len(candidates))
    alive = list(candidates)
    while alive:
        summed, states = core.step([one.follower.inputs() for one in alive], states=states)
        logits = core.advance_logits(summed)
        advances = [one.choose_advance(row) for one, row in zip(alive, logits, strict=True)]
        rows = [index for index, one in enumerate(alive) if not one.done]
        if len(rows) < len(alive):
            alive, advances = [alive[row] for row in rows], [advances[row] for row in rows]
            states, summed = states.only(rows), summed[rows]
            if not alive:
                break
        inputs = [one.follower.pitch_inputs(advance) for one, advance in zip(alive, advances, strict=True)]
        logits = core.pitch_logits(summed, inputs=inputs)
        pitches = [
            one.choose_pitch(row, advance=advance)
            for one, row, advance in zip(alive, logits, advances, strict=True)
        ]
        inputs = [
            one.follower.duration_inputs(advance, pitch)
            for one, advance, pitch in zip(alive, advances, pitches, strict=True)
        ]
        logits = core.duration_logits(summed, inputs=inputs)
        for one, row, advance, pitch in zip(alive, logits, advances, pitches, strict=True):
            one.push(Event(advance, pitch, one.choose_duration(row, advance=advance)))
        progress(min(one.share for one in candidates), max(len(one.events) for one in candidates))
    return [_score(one.events, plan=plan) for one in candidates]


def _score(events: Sequence[Event], *, plan: PiecePlan) -> Score:
    """The finished piece; nothing is held into the last chord."""
    notes = decode(events, shift=key_shift(tonic=plan.tonic, mode=plan.frame.mode))
    final = (plan.bars - 1) * plan.frame.steps_per_bar
    ended = [
        replace(note, duration=min(note.duration, final - note.onset)) if note.onset < final else note
        for note in notes
    ]
    return Score(
        instrument=plan.frame.instrument, notes=_without_overlaps(ended), metre=plan.frame.metre, bars=plan.bars,
        bpm=plan.bpm, tonic=plan.tonic, mode=plan.frame.mode,
    )  # fmt: skip


def _without_overlaps(notes: Sequence[Note]) -> tuple[Note, ...]:
    """Let a note end where the same pitch is struck again."""
    following: dict[int, int] = {}
    kept = []
    for note in reversed(notes):
        limit = following.get(note.pitch, note.onset + note.duration)
        following[note.pitch] = note.onset
        if limit > note.onset:
            kept.append(replace(note, duration=min(note.duration, limit - note.onset)))
    return tuple(sorted(kept))
