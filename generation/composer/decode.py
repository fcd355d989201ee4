"""Decoding: candidates are drawn event by event, side by side in one batch, under the rules of the plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generation.composer import rules
from generation.composer.context import Written
from generation.composer.critic import SEGMENT_BARS, Critic, Ear, Heard, drawn_anew
from generation.composer.drawing import Desk
from generation.composer.events import DURATIONS, LOWEST_PITCH, encode, fit, key_shift, nearest
from generation.composer.leanings import Leanings
from generation.composer.plan import PiecePlan
from generation.composer.rules import State
from generation.composer.runtime import Core, States
from generation.composer.sampling import Stream
from generation.composer.score import Note, Score

MOST_EVENTS = 6000
"""Notes that a candidate can have; the longest piece of the busiest instrument stays far below."""

RHYTHM_NUCLEUS = 985
PITCH_NUCLEUS = 985
"""Thousandths of the probability from which a field is drawn."""

POPULATIONS = 2
"""Groups of candidates that are drawn anew among themselves: no two of different groups have a common beginning."""

_PROGRESS_EVERY = 8

Progress = Callable[[float, int], None]


@dataclass(frozen=True, slots=True)
class Selection:
    """Who chooses among the candidates as they are written, and the random numbers for it."""

    critic: Critic
    stream: Stream


@dataclass(frozen=True, slots=True)
class Candidate:
    """A finished piece and how it sounded to the network; ``population`` is the group it was chosen in."""

    score: Score
    heard: Heard
    population: int


def decode_batch(
    plan: PiecePlan,
    *,
    core: Core,
    streams: Sequence[Stream],
    temperature: float,
    known: NDArray[np.uint32] | None = None,
    selection: Selection | None = None,
    leanings: Leanings | None = None,
    progress: Progress | None = None,
) -> list[Candidate]:
    """Write a candidate for each stream to its end.

    ``known`` are the sorted shingles that must not be joined to a long run
    (:attr:`generation.originality.index.CorpusIndex.hashes`). With a ``selection``, better candidates take the places
    of worse ones every few bars. ``progress(share, notes)`` is called every few steps.
    """
    notes, state = _blank(plan, count=len(streams))
    desk = Desk(
        notes=notes, state=state, bits=np.stack([stream.raw(3 * MOST_EVENTS) for stream in streams]),
        known=np.zeros(0, np.uint32) if known is None else known, law=rules.rules_of(plan), frame=plan.frame,
        temperature=temperature, leanings=leanings,
    )  # fmt: skip
    body = plan.bars - plan.ending_bars
    stops = [*range(SEGMENT_BARS, body, SEGMENT_BARS), body]
    writing = _Writing(desk, core=core, plan=plan, segments=len(stops), progress=progress)
    populations = np.array_split(np.arange(len(streams)), POPULATIONS)
    odds = np.zeros(len(streams))
    for segment, bar in enumerate(stops):
        writing.write(segment, until=bar)
        if selection:
            now = selection.critic.log_odds(writing.heard.first(segment + 1))
            chosen = [
                group[index]
                for group in populations
                if len(group)
                for index in drawn_anew((now - odds)[group], stream=selection.stream)
            ]
            writing.go_on_with(np.array(chosen))
            odds = now[chosen]
    writing.write(None, until=None)
    return [
        Candidate(_score(desk, one, plan=plan), writing.heard.of(one), number)
        for number, group in enumerate(populations)
        for one in group.tolist()
    ]


class _Writing:
    """The candidates of a batch, written from one bar line to the next."""

    def __init__(
        self, desk: Desk, *, core: Core, plan: PiecePlan, segments: int, progress: Progress | None
    ) -> None:
        count = len(desk.alive)
        self._desk, self._core = desk, core
        self._bar_steps, self._bars = plan.frame.steps_per_bar, plan.bars
        self._progress = progress
        self._steps = 0
        self._states = core.start(count)
        self._ear = Ear(segments=segments, candidates=count, units=core.units)
        self.heard = self._ear.heard

    def write(self, segment: int | None, *, until: int | None) -> None:
        """Write all candidates until each has a note in bar ``until`` or after it, or has ended (None: to the end).

        What is heard is kept as that of a ``segment``; of the ending (None), which excerpts have not, it is not.
        """
        desk, core = self._desk, self._core
        end = None if until is None else until * self._bar_steps
        everyone = np.arange(len(desk.state))
        desk.attend(everyone[self._unfinished(everyone, end=end)])
        states = self._states.only(desk.alive)
        while len(desk.alive):
            summed = core.step(desk.inputs(), states=states)
            if segment is not None:
                self._ear.listen(summed, candidates=desk.alive, segments=segment)
            desk.choose_advances(core.logits("advance", summed), RHYTHM_NUCLEUS)
            going = desk.state[desk.alive, rules.DONE] == 0
            if not going.all():
                states, summed = self._leave(states, going=going), summed[going]
                if not len(desk.alive):
                    break
            desk.choose_pitches(core.logits("pitch", summed, given=desk.pitch_inputs()), PITCH_NUCLEUS)
            desk.choose_durations(
                core.logits("duration", summed, given=desk.duration_inputs()), RHYTHM_NUCLEUS
            )
            self._tell()
            states = self._leave(states, going=self._unfinished(desk.alive, end=end))

    def go_on_with(self, chosen: NDArray[np.intp]) -> None:
        """Put copies of the chosen candidates in the places of all."""
        self._desk.copy(chosen)
        self._states = self._states.only(chosen)
        self._ear.go_on_with(chosen)

    def _unfinished(self, candidates: NDArray[np.intp], *, end: int | None) -> NDArray[np.bool_]:
        """Which of some candidates still have to be written before step ``end``."""
        state = self._desk.state[candidates]
        onsets = self._desk.notes[candidates, state[:, rules.COUNT] - 1, 0]
        before = (state[:, rules.COUNT] == 0) | (end is None) | (onsets < (end or 0))
        unfinished: NDArray[np.bool_] = before & (state[:, rules.DONE] == 0)
        return unfinished

    def _leave(self, states: States, *, going: NDArray[np.bool_]) -> States:
        """Go on with some of those alive; the others' states are put by."""
        if going.all():
            return states
        self._states.put(self._desk.alive[~going], states.only(np.flatnonzero(~going)))
        self._desk.attend(self._desk.alive[going])
        return states.only(np.flatnonzero(going))

    def _tell(self) -> None:
        self._steps += 1
        if self._progress and self._steps % _PROGRESS_EVERY == 0:
            desk = self._desk
            onsets = desk.notes[desk.alive, desk.state[desk.alive, rules.COUNT] - 1, 0]
            self._progress(float(onsets.min()) / (self._bars * self._bar_steps), self._steps)


def _blank(plan: PiecePlan, *, count: int) -> tuple[Written, State]:
    """Candidates without a note, told which notes to keep."""
    notes = np.zeros((count, MOST_EVENTS, 5), np.int32)
    state = np.zeros((count, rules.STATE), np.int64)
    state[:, rules.FORCED] = -1
    if plan.kept:
        shift = key_shift(tonic=plan.tonic, mode=plan.frame.mode)
        kept = fit(plan.kept, shift=shift)
        events = np.array(encode(kept, shift=shift)[:-1], np.int32)
        onsets = np.array([note.onset for note in kept], np.int32)
        # The notes to keep lie behind the written ones until they are read through the network like any others.
        notes[:, MOST_EVENTS - len(kept) :] = np.concatenate([onsets[:, None], events], axis=1)
        state[:, rules.FORCED] = MOST_EVENTS - len(kept)
        state[:, rules.FORCED_END] = MOST_EVENTS
        state[:, rules.EARLIEST] = plan.kept_bars * plan.frame.steps_per_bar
        state[:, rules.BAR] = plan.kept_bars
    return notes, state


def _score(desk: Desk, one: int, *, plan: PiecePlan) -> Score:
    """The finished piece: nothing is held into the last chord, or past the same pitch struck again.

    The last chord is held to the very end, which in two bars of 9/8 is longer than the longest class that fits.
    Notes kept from another piece get their own lengths back, of which the network was told the nearest class.
    """
    shift = LOWEST_PITCH + key_shift(tonic=plan.tonic, mode=plan.frame.mode)
    final, end = plan.last_chord, plan.bars * plan.frame.steps_per_bar
    kept = {(note.onset, note.pitch): note.duration for note in plan.kept}
    struck: dict[int, int] = {}
    notes = []
    for onset, _, part, pitch, duration in reversed(desk.notes[one, : desk.state[one, rules.COUNT]].tolist()):
        steps = kept.get((onset, pitch + shift), DURATIONS[duration])
        if nearest(steps, table=DURATIONS) != duration:
            steps = DURATIONS[duration]
        if onset >= final:
            steps = end - onset
        limit = struck.get(pitch, final if onset < final else end)
        struck[pitch] = onset
        if limit > onset:
            notes.append(Note(onset, pitch + shift, min(steps, limit - onset), part))
    return Score(
        instrument=plan.instrument, notes=tuple(reversed(notes)), metre=plan.frame.metre, bars=plan.bars,
        bpm=plan.bpm, tonic=plan.tonic, mode=plan.frame.mode,
    )  # fmt: skip
