"""What the composer promises of every piece. The network knows nothing here: these are the promises, not the music."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generation.composer import compose as composing
from generation.composer.compose import (
    Composed,
    NotOriginalError,
    Order,
    all_candidates,
    compose,
    extension,
    fingerprint,
    load_model,
    variation,
)
from generation.composer.critic import CRITIC_BITS, Critic
from generation.composer.decode import Candidate, Selection
from generation.composer.measures import ends_on_tonic
from generation.composer.model import ComposerModel
from generation.composer.players import PLAYERS
from generation.composer.sampling import Stream
from generation.composer.score import Note
from generation.originality.index import MemoryIndex, build_corpus_index
from generation.originality.report import CORPUS_LIMIT, WORKS_LIMIT, check
from generation.originality.runs import lines_on_record

ORDERS = [
    Order(instrument="piano", seconds=5, seed=1),
    Order(instrument="piano", seconds=12.5, seed=2, mood="sad", tonic="F#"),
    Order(instrument="piano", seconds=20, seed=3, mood="happy", density="sparse", register="low"),
    Order(instrument="guitar", seconds=5, seed=4),
    Order(instrument="guitar", seconds=15, seed=5, mode="minor", tonic="E", bpm=90),
    Order(instrument="guitar", seconds=20, seed=6, temperature=1.4),
]


@pytest.fixture
def piano(models: Path) -> ComposerModel:
    return model_of("piano", models)


@cache
def model_of(instrument: str, folder: Path) -> ComposerModel:
    return load_model(instrument, folder)


@cache
def composed(order: Order, folder: Path) -> Composed:
    return compose(order, model=model_of(order.instrument, folder))


def hold(made: Composed) -> tuple[Any, ...]:
    return made.fingerprint, made.score


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: f"{order.instrument}-{order.seed}")
def test_a_piece_lasts_what_was_ordered_ends_on_its_tonic_and_is_original(order: Order, models: Path) -> None:
    made = composed(order, models)
    score = made.score
    assert made.seconds == pytest.approx(order.seconds, abs=1e-9)
    assert made.notes == len(score.notes)
    assert ends_on_tonic(score)
    assert score.notes[-1].onset in {score.steps - bars * score.steps_per_bar for bars in (1, 2)}
    assert max(note.onset + note.duration for note in score.notes) == score.steps
    player = PLAYERS[order.instrument]
    assert all(player.low <= note.pitch <= player.high for note in score.notes)
    assert int(made.originality["longest_run_corpus"] or 0) < CORPUS_LIMIT
    assert made.model_version == model_of(order.instrument, models).version
    assert len(made.form) == -(-score.bars // 4)
    assert order.tonic in (None, score.tonic)
    assert order.mode in (None, score.mode)


def test_the_same_order_gives_the_same_notes(piano: ComposerModel) -> None:
    order = ORDERS[2]
    assert hold(compose(order, model=piano)) == hold(compose(replace(order, seconds=20.0), model=piano))


def test_every_part_of_an_order_changes_the_notes(piano: ComposerModel, models: Path) -> None:
    order = ORDERS[0]
    others = [
        replace(order, seed=2), replace(order, temperature=0.9), replace(order, tonic="B"),
        replace(order, seconds=5.5), replace(order, density="busy"), replace(order, variant=1),
    ]  # fmt: skip
    prints = {compose(other, model=piano).fingerprint for other in others}
    assert len(prints | {composed(order, models).fingerprint}) == 7


SCRIPT = """
import json, sys
from pathlib import Path
from generation.composer.compose import Order, compose, load_model
model = load_model("guitar", Path(sys.argv[1]))
made = [compose(Order(instrument="guitar", seconds=5, seed=4, variant=variant), model=model) for variant in (0, 1)]
light = not {"music21", "tensorflow", "keras", "django"} & set(sys.modules)
print(json.dumps([[one.fingerprint for one in made], len(made[0].score.notes), made[0].score.tonic, light]))
"""


@pytest.mark.parametrize(("threads", "hashing"), [("1", "0"), ("4", "12345")])
def test_another_process_with_other_threads_and_hashes_composes_the_same_notes_and_loads_no_tensorflow(
    threads: str, hashing: str, models: Path
) -> None:
    made = composed(ORDERS[3], models)
    other = composed(replace(ORDERS[3], variant=1), models)
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(models)], capture_output=True, text=True, check=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": threads, "PYTHONHASHSEED": hashing},
    )  # fmt: skip
    assert json.loads(run.stdout) == [
        [made.fingerprint, other.fingerprint], made.notes, made.score.tonic, True,
    ]  # fmt: skip


@pytest.mark.parametrize("order", [ORDERS[0], ORDERS[2]], ids=lambda order: str(order.seed))
def test_two_variants_of_an_order_are_unlike_each_other_and_both_original(
    order: Order, piano: ComposerModel, models: Path
) -> None:
    one, other = composed(order, models), composed(replace(order, variant=1), models)
    assert one.fingerprint != other.fingerprint
    record = MemoryIndex({"first": lines_on_record(one.score.notes)})
    assert check(other.score.notes, works=record).verdict == "original"
    assert {int(made.originality["longest_run_corpus"] or 0) < CORPUS_LIMIT for made in (one, other)} == {
        True
    }
    assert (one.score.metre, one.score.bars, one.form) == (other.score.metre, other.score.bars, other.form)


def test_a_piece_is_one_of_sixteen_candidates(piano: ComposerModel, models: Path) -> None:
    scores = [one.score for one in all_candidates(ORDERS[0], model=piano)]
    assert len(scores) == 16
    assert composed(ORDERS[0], models).score in scores
    assert composed(replace(ORDERS[0], variant=1), models).score in scores


def test_a_work_on_record_is_never_composed_again(piano: ComposerModel, models: Path) -> None:
    order = replace(ORDERS[2], density=None)
    first = composed(order, models)
    record = MemoryIndex({"sold": lines_on_record(first.score.notes)})
    assert check(first.score.notes, works=record).verdict == "too_near"
    second = compose(order, model=piano, known_works=record)
    assert second.fingerprint != first.fingerprint
    assert int(second.originality["longest_run_works"] or 0) < WORKS_LIMIT


def test_an_order_that_can_only_quote_is_refused_with_a_remedy(
    piano: ComposerModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = Order(instrument="piano", seconds=60, seed=3)
    candidates = all_candidates(order, model=piano)
    known = build_corpus_index({f"{number}.mid": [one.score.notes] for number, one in enumerate(candidates)})
    tried: list[int] = []

    def recited(*_: Any, attempt: int, **__: Any) -> list[Candidate]:
        tried.append(attempt)
        return candidates

    monkeypatch.setattr(composing, "_candidates", recited)
    with pytest.raises(NotOriginalError, match=r"All 64 candidates of seed 3 .*take another seed"):
        compose(order, model=replace(piano, index=known))
    assert tried == [0, 1, 2, 3]


def test_a_piece_goes_on_from_another_one(piano: ComposerModel, models: Path) -> None:
    before = composed(ORDERS[2], models).score
    same_length = Order(instrument="piano", seconds=20, seed=9)
    varied = compose(same_length, model=piano, source=variation(before, from_bar=4))
    kept = 3 * before.steps_per_bar
    assert [(n.onset, n.pitch) for n in varied.score.notes if n.onset < kept] == [
        (n.onset, n.pitch) for n in before.notes if n.onset < kept
    ]
    assert varied.fingerprint != composed(ORDERS[2], models).fingerprint
    assert varied.seconds == pytest.approx(20, abs=1e-9)
    longer = compose(replace(same_length, seconds=30), model=piano, source=extension(before))
    assert longer.seconds == pytest.approx(30, abs=1e-9)
    again = compose(same_length, model=piano, source=variation(before, from_bar=4))
    other_bar = compose(same_length, model=piano, source=variation(before, from_bar=5))
    assert hold(again) == hold(varied)
    assert other_bar.fingerprint != varied.fingerprint


def test_progress_rises_and_may_cancel(piano: ComposerModel) -> None:
    class CancelledError(Exception):
        pass

    told: list[tuple[float, int]] = []

    def listen(share: float, notes: int) -> None:
        told.append((share, notes))

    def cancel(share: float, notes: int) -> None:
        if share > 0.3:
            raise CancelledError

    compose(ORDERS[2], model=piano, progress=listen)
    assert len(told) > 3
    assert told == sorted(told)
    assert 0 <= told[0][0] < 0.5 < told[-1][0] <= 1
    with pytest.raises(CancelledError):
        compose(ORDERS[2], model=piano, progress=cancel)


def listener(piano: ComposerModel, order: Order, *, sign: int = 1) -> tuple[int, float, Selection]:
    """The unit that differs most among an order's candidates, its mean, and a critic who likes it high (or low)."""
    plain = [one.heard.mean() for one in all_candidates(order, model=piano)]
    unit = int(np.std(plain, axis=0).argmax())
    mean = float(np.mean(plain, axis=0)[unit])
    weight = sign * 100 << CRITIC_BITS
    weights = np.zeros_like(piano.critic.weights)
    weights[:, unit] = weight
    critic = Critic(weights, np.full_like(piano.critic.bias, round(-mean * weight)))
    return unit, mean, Selection(critic, Stream("choice"))


def test_what_the_critic_prefers_is_heard_more(piano: ComposerModel) -> None:
    order = Order(instrument="piano", seconds=40, seed=11)
    for sign in (1, -1):
        unit, plain, chosen = listener(piano, order, sign=sign)
        made = all_candidates(order, model=piano, selection=chosen)
        assert sign * (float(np.mean([one.heard.mean()[unit] for one in made])) - plain) > 0


def test_the_two_populations_have_no_common_beginning(piano: ComposerModel) -> None:
    _, _, chosen = listener(piano, ORDERS[2])
    made = all_candidates(ORDERS[2], model=piano, selection=chosen)
    sides = [{one.score.notes[:12] for one in made if one.population == number} for number in (0, 1)]
    assert len(made) == 16
    assert not sides[0] & sides[1]
    assert len(sides[0]) < 8


def test_a_fingerprint_knows_a_piece_in_any_key_but_not_another_piece(models: Path) -> None:
    notes = composed(ORDERS[0], models).score.notes
    moved = tuple(Note(note.onset, note.pitch + 3, note.duration) for note in notes)
    changed = (*notes[:-1], Note(notes[-1].onset, notes[-1].pitch - 1, notes[-1].duration))
    assert fingerprint(moved) == fingerprint(notes)
    assert fingerprint(changed) != fingerprint(notes)
