"""Training, from a folder of scores to a model that composes; the networks are tiny and learn for a moment."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generation.composer import recital
from generation.composer.checkpoint import Progress
from generation.composer.checkpoint import load as load_checkpoint
from generation.composer.checkpoint import save as save_checkpoint
from generation.composer.compose import Order, compose, load_model
from generation.composer.context import FIELDS, frame_of, rows
from generation.composer.corpus import CorpusError
from generation.composer.model import INDEX
from generation.composer.recipes import BASE, RECIPES
from generation.composer.recital import Recital
from generation.composer.runtime import HEADS, Core, UnfitWeightsError, quantised
from generation.composer.tables import STEP_BITS
from generation.originality.runs import distinct, shingles
from tests.generation.composer.models import WIDTHS, corpus_index, random_weights, some_styles, songs
from tests.generation.composer.scores import PLAIN, corpus_of, ensemble, song
from tests.generation.composer.test_dataset import HELD, TAUGHT, source

pytestmark = pytest.mark.filterwarnings("ignore")

WORKS = [source(work) for work in (*TAUGHT[:10], *HELD[:2])]


def small() -> Any:
    from generation.composer.network import Hyper

    return Hyper(**WIDTHS, batch=4, chunk=32, peak_rate=1e-2)


@dataclass
class Runs:
    """Two runs and a resumed one: the base, a piano that starts from it, and the piano after going on."""

    corpus: Path
    models: Path
    base: dict[str, Any] = field(default_factory=dict)
    first: dict[str, Any] = field(default_factory=dict)
    second: dict[str, Any] = field(default_factory=dict)
    stopped: Progress = field(default_factory=Progress)
    resumed: Progress = field(default_factory=Progress)
    told: list[Any] = field(default_factory=list)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    from generation.composer.training import Plan, train

    folder = tmp_path_factory.mktemp("training")
    for instrument in ("piano", "violin"):
        corpus_of(folder / "corpus", count=12, instrument=instrument, sources=WORKS, bars=17)
    found = Runs(folder / "corpus", folder / "models")
    options: dict[str, Any] = {"corpus": found.corpus, "hyper": small(), "cache": folder / "cache"}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(recital, "PIECES", 8)
        patched.setattr(recital, "SECONDS", 8.0)
        both = {"piano": 0.5, "violin": 0.5}
        found.base = train(Plan(BASE, both, epochs=1), output=found.models / "base", **options)
        own = Plan("piano", {"piano": 1.0}, epochs=1, start_from=found.models / "base")
        output = found.models / "piano"
        found.first = train(own, output=output, **options)
        stopped = load_checkpoint(output)
        found.second = train(replace(own, epochs=6), output=output, progress=found.told.append, **options)
        resumed = load_checkpoint(output)
    assert stopped is not None
    assert resumed is not None
    found.stopped, found.resumed = stopped[0], resumed[0]
    return found


def bits(card: dict[str, Any]) -> float:
    return float(card["held_out_bits_per_note"]["total"])


def test_training_resumes_where_it_stopped_and_goes_on_learning(runs: Runs) -> None:
    assert 0 < runs.stopped.step < runs.resumed.step
    assert runs.stopped.epoch == pytest.approx(1, abs=0.3)
    assert runs.resumed.epoch == pytest.approx(6, abs=0.3)
    assert runs.resumed.spent > runs.stopped.spent
    assert bits(runs.second) < bits(runs.first)
    assert runs.told[-1].seconds_left == 0
    assert runs.told[-1].updates == runs.resumed.step


def test_an_instrument_begins_where_the_base_ended(runs: Runs) -> None:
    assert runs.first["training"]["started_from"] == "base"
    assert bits(runs.first) < bits(runs.base)
    assert bits(runs.base) < 20


def test_the_weights_that_ship_are_as_good_as_those_that_were_trained(runs: Runs) -> None:
    for card in (runs.base, runs.first, runs.second):
        for name in (*HEADS, "total"):
            rounded = card["held_out_bits_per_note_runtime"][name]
            assert rounded == pytest.approx(card["held_out_bits_per_note"][name], abs=0.1)


def test_the_ledger_names_every_piece_that_the_weights_have_seen(runs: Runs) -> None:
    ledgers = {
        name: json.loads((runs.models / name / "ledger.json").read_text(encoding="utf-8"))
        for name in ("base", "piano")
    }
    assert ledgers["piano"] == ledgers["base"]
    assert len(ledgers["piano"]) == 24
    assert {row["file"].split("-")[0] for row in ledgers["piano"]} == {"piano", "violin"}
    assert runs.second["training"]["shares"] == {"piano": 1.0}
    assert runs.second["training"]["pieces"] == 12
    assert runs.second["licences"] == {"CC0-1.0": 24}
    assert sum(row["used_for"] == "validation" for row in ledgers["piano"]) == 4
    assert all(len(row["sha256"]) == 64 and row["source"] and row["license"] for row in ledgers["piano"])


def test_a_trained_model_composes(runs: Runs) -> None:
    index = runs.models / INDEX
    corpus_index().save(index)
    model = load_model("piano", runs.models)
    made = compose(Order(instrument="piano", seconds=6, seed=1), model=model)
    assert made.seconds == pytest.approx(6, abs=1e-9)
    assert made.model_version == runs.second["version"] != runs.first["version"]
    assert len(model.styles) == runs.second["training"]["styles"] == 10


def test_a_start_from_a_folder_without_a_run_is_refused(runs: Runs, tmp_path: Path) -> None:
    from generation.composer.training import Plan, train

    plan = Plan("piano", {"piano": 1.0}, epochs=1, start_from=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"has no checkpoint\.npz to start from"):
        train(plan, corpus=runs.corpus, output=tmp_path / "model", hyper=small())
    assert not (tmp_path / "model").exists()


def test_a_plan_without_an_end_and_a_corpus_that_cannot_be_used_write_nothing(tmp_path: Path) -> None:
    from generation.composer.training import Plan, train

    corpus, output = corpus_of(tmp_path / "corpus", count=3), tmp_path / "model"
    with pytest.raises(ValueError, match="needs minutes or epochs"):
        train(Plan("piano", {"piano": 1.0}), corpus=corpus, output=output)
    for path in corpus.glob("*.mid"):
        path.write_bytes(b"MThd broken")
    with pytest.raises(CorpusError, match="None of the 3 files"):
        train(Plan("piano", {"piano": 1.0}, epochs=1), corpus=corpus, output=output)
    assert not output.exists()


def test_the_rate_rises_to_its_peak_and_falls_to_its_last() -> None:
    from generation.composer.network import Hyper
    from generation.composer.training import learning_rate

    hyper = Hyper(peak_rate=1e-2, last_rate=1e-4, warm_up=0.1)
    rates = [learning_rate(hyper, done=done / 100) for done in range(101)]
    assert rates.index(max(rates)) == 10
    assert rates[5] == pytest.approx(5e-3)
    assert rates[10] == pytest.approx(1e-2)
    assert rates[55] == pytest.approx((1e-2 + 1e-4) / 2)
    assert rates[100] == pytest.approx(1e-4) == learning_rate(hyper, done=2.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_a_checkpoint_comes_back_whole(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None
    progress = Progress(step=7, epoch=0.5, notes=99, spent=1.5, best_nll=12.5, best_step=6, recited=0.25)
    arrays = {"weight/0": np.arange(6.0).reshape(2, 3), "best/0": np.ones(2)}
    save_checkpoint(tmp_path, progress=progress, arrays=arrays)
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert found[0] == progress
    assert {name: array.tolist() for name, array in found[1].items()} == {
        name: array.tolist() for name, array in arrays.items()
    }
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]


def test_recipes_share_out_all_notes() -> None:
    for recipe in RECIPES.values():
        assert sum(recipe.shares.values()) == pytest.approx(1)
        assert recipe.minutes > 0
    assert all(name in RECIPES[name].shares for name in RECIPES if name != BASE)


# network and runtime


@pytest.mark.parametrize("score", [ensemble(5), song(5)], ids=["quartet", "piano"])
def test_the_runtime_gives_what_keras_gives(score: Any) -> None:
    import keras

    from generation.composer.network import build, named_weights

    keras.utils.set_random_seed(3)
    hyper = small()
    network = build(hyper)
    tables = rows(score, frame=frame_of(score, edges=PLAIN))
    steps = 40
    fed = [tables[name][None, :steps] for name in FIELDS]
    states = [np.zeros((1, hyper.units), np.float32) for _ in range(4)]
    expected = network([*fed, *states], training=False)[: len(HEADS)]
    core = Core(quantised(named_weights(network)))
    carried = core.start(1)
    for time in range(steps):
        summed = core.step(tables["inputs"][time : time + 1], states=carried)
        for name, reference in zip(HEADS, expected, strict=True):
            given = tables[name][time : time + 1] if name in FIELDS else None
            logits = core.logits(name, summed, given=given)[0] / 2**STEP_BITS
            np.testing.assert_allclose(logits, np.asarray(reference)[0, time], atol=0.03)
    assert float(np.abs(np.asarray(expected[2])).max()) > 0.05


def test_networks_made_without_keras_have_the_shapes_of_those_made_with_it() -> None:
    from generation.composer.network import build, named_weights

    trained = {name: values.shape for name, values in named_weights(build(small())).items()}
    assert {name: values.shape for name, values in random_weights(1).items()} == trained


def test_a_batch_of_candidates_is_stepped_as_each_alone() -> None:
    core = Core(quantised(random_weights(2)))
    scores = [song(seed) for seed in range(3)]
    fed = np.stack([rows(s, frame=frame_of(s, edges=PLAIN))["inputs"][:12] for s in scores])
    together = core.start(3)
    alone = [core.start(1) for _ in scores]
    for time in range(12):
        summed = core.step(np.ascontiguousarray(fed[:, time]), states=together)
        for one in range(3):
            own = core.step(np.ascontiguousarray(fed[one : one + 1, time]), states=alone[one])
            assert (own[0] == summed[one]).all()
    assert (together.only(np.array([2])).hidden == alone[2].hidden).all()


def test_hidden_states_and_logits_are_whole_numbers() -> None:
    core = Core(quantised(random_weights(2)))
    score = song(1)
    fed = rows(score, frame=frame_of(score, edges=PLAIN))["inputs"]
    states = core.start(1)
    for time in range(30):
        summed = core.step(fed[time : time + 1], states=states)
    for numbers in (summed, states.hidden, *states.cells):
        assert (numbers == np.rint(numbers)).all()
    assert core.logits("advance", summed).dtype == np.int64
    assert np.abs(states.hidden).max() <= 2**8


@pytest.mark.parametrize(
    ("name", "added", "told"),
    [
        ("lstm2/kernel", 30.0, "Sums in lstm2 may reach"),
        ("lstm1/recurrent_kernel", 60.0, "Sums in lstm1 may reach"),
        ("pitch_hidden/kernel", 60.0, "Sums in pitch_hidden may reach"),
        ("advance_logits/bias", 64.0, "advance_logits/bias has a weight of"),
    ],
)
def test_weights_that_could_make_sums_inexact_are_refused(name: str, added: float, told: str) -> None:
    weights = random_weights(1)
    weights[name] = weights[name] * 0 + added
    with pytest.raises(UnfitWeightsError, match=told):
        quantised(weights)


# reciting


def test_the_yardstick_of_reciting_is_how_often_real_music_does() -> None:
    known = distinct([line for score in songs() for line in shingles(score.notes)])
    strange = [song(900 + seed, form="ABCDE") for seed in range(4)]
    assert Recital.of("piano", styles=some_styles(), known=known, held_out=strange).human == 0.0
    judge = Recital.of("piano", styles=some_styles(), known=known, held_out=songs()[:2] + strange[:2])
    assert judge.human == 0.5
    assert not judge.is_reciting(0.6)
    assert judge.is_reciting(0.61)


def test_a_network_that_has_learned_nothing_recites_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recital, "PIECES", 8)
    monkeypatch.setattr(recital, "SECONDS", 10.0)
    known = distinct([line for score in songs() for line in shingles(score.notes)])
    judge = Recital.of("piano", styles=some_styles(), known=known, held_out=[])
    assert judge.share(random_weights(1)) == 0.0
