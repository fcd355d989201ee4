"""Decoding: candidates are drawn event by event, side by side in one batch, under the rules of the plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generation.composer import drawing, echoes, rules
from generation.composer.context import DURATION_FIELDS, INPUT_FIELDS, PITCH_FIELDS, Written, strengths
from generation.composer.events import DURATIONS, LOWEST_PITCH, encode, fit, key_shift, nearest
from generation.composer.plan import PiecePlan
from generation.composer.runtime import Core
from generation.composer.sampling import Stream
from generation.composer.score import Note, Score

MOST_EVENTS = 6000
"""Notes that a candidate can have; the longest piece of the busiest instrument stays far below."""

RHYTHM_NUCLEUS = 985
PITCH_NUCLEUS = 985
"""Thousandths of the probability from which a field is drawn."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The candidates in the making, as the compiled functions take them.

    ``notes`` (candidates, events, 5) are the columns of :mod:`.context`; ``state`` (candidates, :data:`rules.STATE`);
    ``lines`` (candidates, 2, :data:`echoes.LINE`) follow top and bass; ``bits`` are the random numbers of each.
    """

    notes: Written
    state: NDArray[np.int64]
    lines: NDArray[np.int64]
    bits: NDArray[np.uint64]


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
    count = len(streams)
    desk = _desk(plan, streams=streams)
    law = rules.rules_of(plan)
    numbers, weights, told = plan.frame.numbers(), strengths(plan.frame.metre), plan.frame.plan
    forbidden = np.zeros(0, np.uint32) if known is None else known
    alive = np.arange(count)
    states = core.start(count)
    tables = [np.zeros((count, len(fields)), np.int32) for fields in (INPUT_FIELDS, PITCH_FIELDS, DURATION_FIELDS)]
    step = 0
    while len(alive):
        whole, given_pitch, given_duration = (table[: len(alive)] for table in tables)
        drawing.fill_inputs(desk.notes, desk.state, alive, numbers, weights, told, whole)
        summed, states = core.step(whole, states=states)
        drawing.choose_advances(
            desk.notes, desk.state, desk.bits, alive, law, told, core.logits("advance", summed), temperature,
            RHYTHM_NUCLEUS,
        )  # fmt: skip
        going = np.flatnonzero(desk.state[alive, rules.DONE] == 0)
        if len(going) < len(alive):
            alive, states, summed = alive[going], states.only(going), summed[going]
            if not len(alive):
                break
            given_pitch, given_duration = given_pitch[: len(alive)], given_duration[: len(alive)]
        drawing.fill_pitch_inputs(desk.notes, desk.state, alive, numbers, weights, told, given_pitch)
        drawing.choose_pitches(
            desk.notes, desk.state, desk.lines, desk.bits, alive, law, forbidden,
            core.logits("pitch", summed, given=given_pitch), temperature, PITCH_NUCLEUS,
        )  # fmt: skip
        drawing.fill_duration_inputs(desk.notes, desk.state, alive, numbers, told, given_duration)
        drawing.choose_durations(
            desk.notes, desk.state, desk.lines, desk.bits, alive, law, forbidden,
            core.logits("duration", summed, given=given_duration), temperature, RHYTHM_NUCLEUS,
        )  # fmt: skip
        step += 1
        if progress and step % 8 == 0:
            onsets = desk.notes[alive, desk.state[alive, rules.COUNT] - 1, 0]
            progress(float(onsets.min()) / (plan.bars * plan.frame.steps_per_bar), step)
    return [_score(desk, one, plan=plan) for one in range(count)]


def _desk(plan: PiecePlan, *, streams: Sequence[Stream]) -> Desk:
    count = len(streams)
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
    lines = np.zeros((count, 2, echoes.LINE), np.int64)
    bits = np.stack([stream.raw(3 * MOST_EVENTS) for stream in streams])
    return Desk(notes, state, lines, bits)


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
