from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from generation.composer.checkpoint import load as load_checkpoint
from generation.composer.compose import Order, compose, load_model
from generation.composer.context import rows
from generation.composer.corpus import CorpusError
from generation.composer.runtime import Core, UnfitWeightsError, quantised
from tests.generation.composer.scores import corpus_of, tune

pytestmark = pytest.mark.filterwarnings("ignore")


def small() -> object:
    from generation.composer.network import Hyper

    return Hyper(embedding=16, units=24, hidden=16, batch=4, chunk=32)


def test_training_resumes_where_it_stopped_and_gives_a_model_that_composes(tmp_path: Path) -> None:
    from generation.composer.training import Plan, Report, train

    corpus = corpus_of(tmp_path / "corpus", count=24)
    output = tmp_path / "models" / "piano"
    told: list[Report] = []
    first = train(
        Plan(instrument="piano", folders=("piano",), epochs=3), corpus=corpus, output=output, hyper=small(),
        cache=tmp_path / "cache", progress=told.append,
    )  # fmt: skip
    stopped = load_checkpoint(output)
    second = train(
        Plan(instrument="piano", folders=("piano",), epochs=12), corpus=corpus, output=output, hyper=small(),
        cache=tmp_path / "cache", progress=told.append,
    )  # fmt: skip
    resumed = load_checkpoint(output)
    assert stopped is not None
    assert resumed is not None
    assert 0 < stopped[0].step < resumed[0].step
    assert second["held_out_bits_per_note"]["total"] < first["held_out_bits_per_note"]["total"]
    assert second["held_out_bits_per_note_runtime"]["total"] == pytest.approx(
        second["held_out_bits_per_note"]["total"], abs=0.1
    )
    assert told[-1].seconds_left == 0
    made = compose(
        Order(instrument="piano", seconds=6, seed=1), model=load_model("piano", tmp_path / "models")
    )
    assert made.seconds == pytest.approx(6)


def test_a_corrupted_piece_stops_training_before_anything_is_written(tmp_path: Path) -> None:
    from generation.composer.training import Plan, train

    corpus = corpus_of(tmp_path / "corpus", count=3)
    (corpus / "piano-01.mid").write_bytes(b"MThd broken")
    output = tmp_path / "model"
    with pytest.raises(CorpusError, match=r"piano-01\.mid is not the file of the manifest"):
        train(Plan(instrument="piano", folders=("piano",), epochs=1), corpus=corpus, output=output)
    assert not output.exists()


def test_the_numpy_step_gives_what_keras_gives() -> None:
    import keras

    from generation.composer.network import build, named_weights

    keras.utils.set_random_seed(3)
    hyper = small()
    network = build(hyper)
    inputs, pitch_inputs, duration_inputs, _ = (np.array(part)[None, :24] for part in rows(tune(5)))
    states = [np.zeros((1, hyper.units), np.float32) for _ in range(4)]
    expected = network([inputs, pitch_inputs, duration_inputs, *states], training=False)[:3]
    core = Core(quantised(named_weights(network)))
    carried = core.start(1)
    for time in range(24):
        summed = core.step(inputs[:, time], states=carried)
        found = (
            core.advance_logits(summed),
            core.pitch_logits(summed, inputs=pitch_inputs[:, time]),
            core.duration_logits(summed, inputs=duration_inputs[:, time]),
        )
        for logits, reference in zip(found, expected, strict=True):
            np.testing.assert_allclose(logits[0] / 512, np.asarray(reference)[0, time], atol=0.03)


def test_weights_that_could_make_sums_inexact_are_refused() -> None:
    from generation.composer.network import build, named_weights

    weights = named_weights(build(small()))
    weights["lstm2/kernel"] = weights["lstm2/kernel"] + 30
    with pytest.raises(UnfitWeightsError, match="lstm2"):
        quantised(weights)
