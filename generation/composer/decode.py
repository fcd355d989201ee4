"""Decoding: candidates are drawn event by event, side by side in one batch, under the rules of the plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from generation.composer import rules
from generation.composer.context import Written
from generation.composer.drawing import Desk
from generation.composer.events import DURATIONS, LOWEST_PITCH, encode, fit, key_shift, nearest
from generation.composer.plan import PiecePlan
from generation.composer.rules import State
from generation.composer.runtime import Core
from generation.composer.sampling import Stream
from generation.composer.score import Note, Score

MOST_EVENTS = 6000
"""Notes that a candidate can have; the longest piece of the busiest instrument stays far below."""

RHYTHM_NUCLEUS = 985
PITCH_NUCLEUS = 985
"""Thousandths of the probability from which a field is drawn."""


def decode_batch(
    plan: PiecePlan,
    *,
    core: Core,
    streams: Sequence[Stream],
    temperature: float,
    known: NDArray[np.uint32] | None = None,
    progress: Callable[[float, int], None] | None = None,
) -> list[Score]:
    """Write a candidate for each stream to its end.

    ``known`` are the sorted shingles that must not be joined to a long run
    (:attr:`generation.originality.index.CorpusIndex.hashes`). ``progress(share, notes)`` is called every few steps.
    """
    notes, state = _blank(plan, count=len(streams))
    desk = Desk(
        notes=notes, state=state, bits=np.stack([stream.raw(3 * MOST_EVENTS) for stream in streams]),
        known=np.zeros(0, np.uint32) if known is None else known, law=rules.rules_of(plan), frame=plan.frame,
        temperature=temperature,
    )  # fmt: skip
    states = core.start(len(streams))
    step = 0
    while len(desk.alive):
        summed = core.step(desk.inputs(), states=states)
        desk.choose_advances(core.logits("advance", summed), RHYTHM_NUCLEUS)
        going = np.flatnonzero(desk.state[desk.alive, rules.DONE] == 0)
        if len(going) < len(desk.alive):
            desk.keep(going)
            states, summed = states.only(going), summed[going]
            if not len(going):
                break
        desk.choose_pitches(core.logits("pitch", summed, given=desk.pitch_inputs()), PITCH_NUCLEUS)
        desk.choose_durations(core.logits("duration", summed, given=desk.duration_inputs()), RHYTHM_NUCLEUS)
        step += 1
        if progress and step % 8 == 0:
            onsets = desk.notes[desk.alive, desk.state[desk.alive, rules.COUNT] - 1, 0]
            progress(float(onsets.min()) / (plan.bars * plan.frame.steps_per_bar), step)
    return [_score(desk, one, plan=plan) for one in range(len(streams))]


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

    Notes kept from another piece get their own lengths back, of which the network was told the nearest class.
    """
    shift = LOWEST_PITCH + key_shift(tonic=plan.tonic, mode=plan.frame.mode)
    final = (plan.bars - 1) * plan.frame.steps_per_bar
    kept = {(note.onset, note.pitch): note.duration for note in plan.kept}
    struck: dict[int, int] = {}
    notes = []
    for onset, _, part, pitch, duration in reversed(desk.notes[one, : desk.state[one, rules.COUNT]].tolist()):
        steps = kept.get((onset, pitch + shift), DURATIONS[duration])
        if nearest(steps, table=DURATIONS) != duration:
            steps = DURATIONS[duration]
        limit = struck.get(pitch, final if onset < final else onset + steps)
        struck[pitch] = onset
        if limit > onset:
            notes.append(Note(onset, pitch + shift, min(steps, limit - onset), part))
    return Score(
        instrument=plan.instrument, notes=tuple(reversed(notes)), metre=plan.frame.metre, bars=plan.bars,
        bpm=plan.bpm, tonic=plan.tonic, mode=plan.frame.mode,
    )  # fmt: skip
