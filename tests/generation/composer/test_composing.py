"""What the composer promises of every piece, kept with the models that ship."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

import pytest

from generation.composer.compose import Composed, Order, compose, fingerprint, load_model
from generation.composer.events import key_shift
from generation.composer.measures import ends_on_tonic, measure
from generation.composer.model import ComposerModel
from generation.composer.plan import PLAYERS
from generation.composer.score import TONICS, Note
from generation.originality.index import MemoryIndex
from generation.originality.report import CORPUS_LIMIT, WORKS_LIMIT, check
from generation.originality.runs import lines_on_record

ORDERS = [
    Order(instrument="piano", seconds=5, seed=1),
    Order(instrument="piano", seconds=12.5, seed=2, mood="sad", tonic="F#"),
    Order(instrument="piano", seconds=20, seed=3, mood="happy", density="sparse"),
    Order(instrument="guitar", seconds=5, seed=4),
    Order(instrument="guitar", seconds=15, seed=5, mode="minor", tonic="E", bpm=90),
    Order(instrument="guitar", seconds=20, seed=6, temperature=1.4),
]


@cache
def model_of(instrument: str) -> ComposerModel:
    return load_model(instrument)


@cache
def composed(order: Order) -> Composed:
    return compose(order, model=model_of(order.instrument))


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: f"{order.instrument}-{order.seed}")
def test_a_piece_lasts_what_was_ordered_and_ends_on_a_held_tonic(order: Order) -> None:
    made = composed(order)
    score = made.score
    assert made.seconds == pytest.approx(order.seconds, abs=1e-6)
    assert ends_on_tonic(score)
    last = [note for note in score.notes if note.onset == score.notes[-1].onset]
    assert {note.onset for note in last} == {score.steps - score.steps_per_bar}
    assert {note.duration for note in last} == {score.steps_per_bar}
    assert max(note.onset + note.duration for note in score.notes) == score.steps


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: f"{order.instrument}-{order.seed}")
def test_a_piece_can_be_played_and_neither_loops_nor_falls_silent(order: Order) -> None:
    score = composed(order).score
    player = PLAYERS[order.instrument]
    assert all(player.low <= note.pitch <= player.high for note in score.notes)
    for note in score.notes:
        sounding = [n for n in score.notes if n.onset <= note.onset < n.onset + n.duration]
        assert len(sounding) <= player.voices
        assert len({n.pitch for n in sounding}) == len(sounding)
    found = measure(score)
    assert found["longest_silence"] <= 4
    assert found["pitch_class_entropy"] > 1.2


def test_the_wishes_for_key_and_mode_are_kept() -> None:
    score = composed(ORDERS[4]).score
    assert (score.tonic, score.mode) == ("E", "minor")
    home = {
        (9 + degree + key_shift(tonic="E", mode="minor")) % 12 for degree in (0, 2, 3, 5, 7, 8, 10, 11, 9)
    }
    inside = sum(note.pitch % 12 in home for note in score.notes)
    assert inside / len(score.notes) > 0.8
    assert TONICS.index("E") in {note.pitch % 12 for note in score.notes}


def test_a_piece_shares_no_long_run_with_the_corpus() -> None:
    for order in ORDERS:
        assert int(composed(order).originality["longest_run_corpus"] or 0) < CORPUS_LIMIT


def test_a_work_on_record_is_never_composed_again() -> None:
    order = ORDERS[2]
    first = composed(order)
    record = MemoryIndex({"sold": lines_on_record(first.score.notes)})
    assert check(first.score.notes, works=record).verdict == "too_near"
    second = compose(order, model=model_of("piano"), known_works=record)
    assert second.fingerprint != first.fingerprint
    assert int(second.originality["longest_run_works"] or 0) < WORKS_LIMIT


def test_other_seeds_give_other_music() -> None:
    prints = {
        compose(Order(instrument="piano", seconds=5, seed=seed), model=model_of("piano")).fingerprint
        for seed in range(6)
    }
    assert len(prints) == 6


SCRIPT = """
import json, sys
from generation.composer.compose import Order, compose, load_model
made = compose(Order(instrument="guitar", seconds=5, seed=4), model=load_model("guitar"))
light = not {"music21", "tensorflow", "keras"} & set(sys.modules)
print(json.dumps([made.fingerprint, len(made.score.notes), made.score.tonic, light]))
"""


def test_another_process_composes_the_same_notes_and_loads_neither_music21_nor_tensorflow() -> None:
    made = composed(ORDERS[3])
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == [made.fingerprint, made.notes, made.score.tonic, True]


def test_progress_rises_to_one_and_may_cancel() -> None:
    class CancelledError(Exception):
        pass

    told: list[tuple[float, int]] = []

    def listen(share: float, notes: int) -> None:
        told.append((share, notes))

    def cancel(share: float, notes: int) -> None:
        if share > 0.3:
            raise CancelledError

    compose(ORDERS[0], model=model_of("piano"), progress=listen)
    assert len(told) > 10
    assert all(0 <= share <= 1 for share, _ in told)
    with pytest.raises(CancelledError):
        compose(ORDERS[0], model=model_of("piano"), progress=cancel)


def test_a_fingerprint_knows_a_piece_in_any_key_but_not_another_piece() -> None:
    notes = composed(ORDERS[0]).score.notes
    moved = tuple(Note(note.onset, note.pitch + 3, note.duration) for note in notes)
    changed = (*notes[:-1], Note(notes[-1].onset, notes[-1].pitch - 1, notes[-1].duration))
    assert fingerprint(moved) == fingerprint(notes)
    assert fingerprint(changed) != fingerprint(notes)
