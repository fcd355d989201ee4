"""The paper's recipe as a baseline: its words, its loop, and the bits a note it needs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generation.composer.events import DURATIONS, END
from generation.composer.measures import unique_elements
from generation.composer.midi import read_raw_midi
from generation.composer.score import Note, Score
from tests.generation.composer.fake_network import FakeNetwork
from tests.generation.composer.scores import tune

pytestmark = pytest.mark.filterwarnings("ignore")

paper: Any = pytest.importorskip("generation.composer.paper")
measure: Any = pytest.importorskip("generation.management.paper.measure")
paper_bits: Any = pytest.importorskip("generation.composer.paper_bits")

SMALL = paper.Recipe(units=4, hidden=4, window=8, batch=8)


def a_model(scores: list[Score], network: Any, *, window: int = 8) -> Any:
    words = [element for score in scores for element in paper.elements_of(score)]
    vocabulary = tuple(sorted(set(words)))
    line = paper.known_indices(words, vocabulary=vocabulary)
    return paper.PaperModel(
        paper.Recipe(window=window), vocabulary, network, line, paper.History(windows=len(line) - window)
    )


# Words


@pytest.mark.parametrize(
    ("pitches", "element", "played"),
    [
        ((60,), "C4", (60,)), ((63,), "E-4", (63,)), ((60, 64, 67), "0+4+7", (60, 64, 67)),
        ((52, 55, 72), "0+4+7", (60, 64, 67)), ((55, 59, 62, 65), "11+2+5+7", (62, 65, 67, 71)), ((48, 60), "0", (60,)),
    ],
)  # fmt: skip
def test_a_note_is_its_name_and_a_chord_its_normal_order(
    pitches: tuple[int, ...], element: str, played: tuple[int, ...]
) -> None:
    found = paper.element_of(pitches)
    assert sorted(found.split("+")) == sorted(element.split("+"))
    assert paper.pitches_of(found) == played


def test_a_score_has_as_many_different_elements_as_our_own_measure_counts() -> None:
    score = tune(3)
    assert len(set(paper.elements_of(score))) == unique_elements(score.notes)


def test_a_piece_has_one_element_each_half_quarter_and_the_key_that_fits() -> None:
    scale = ["D4", "E4", "F#4", "G4", "A4", "B4", "C#5", "D5"] * 25
    score = paper.score_of(scale, instrument="piano")
    assert [note.onset for note in score.notes] == list(range(0, 1200, 6))
    assert {note.duration for note in score.notes} == {12}
    assert (score.tonic, score.mode, score.bars, score.seconds) == ("D", "major", 26, 52.0)


@pytest.mark.parametrize(("elements", "offset", "seconds"), [(100, 0.5, 25.25), (200, 0.9, 90.05)])
def test_the_file_lasts_what_the_paper_prints_less_than_a_second(
    tmp_path: Path, elements: int, offset: float, seconds: float
) -> None:
    paper.write_paper_midi(["C4", "0+4+7"] * (elements // 2), tmp_path / "piece.mid", offset=offset)
    raw = read_raw_midi(tmp_path / "piece.mid")
    assert raw.end / raw.ticks_per_quarter / 2 == pytest.approx(seconds, abs=0.01)


# Network and loop


def test_the_network_has_the_paper_s_layers_and_size() -> None:
    network = paper.network_of(paper.Recipe(), vocabulary=350)
    assert [type(layer).__name__ for layer in network.layers] == [
        "LSTM", "Dropout", "LSTM", "Dropout", "LSTM", "Dense", "Dropout", "Dense",
    ]  # fmt: skip
    assert network.count_params() == 5_472_350
    layers = measure.recipe_layers(a_model([tune(1)], network, window=100))
    assert layers[0] == ["LSTM", "(100, 512)", 1_052_672]
    assert layers[-1] == ["Dense", "(350)", 89_950]
    assert sum(parameters for *_, parameters in layers) == 5_472_350
    gated = paper.network_of(paper.Recipe(cell="GRU", units=4, hidden=4), vocabulary=9)
    assert [type(layer).__name__ for layer in gated.layers].count("GRU") == 3


def test_a_kept_network_composes_by_arg_max_what_it_composed_before(tmp_path: Path) -> None:
    scores = [tune(seed) for seed in range(4)]
    first = paper.train(scores, minutes=1e-9, recipe=SMALL, watch=[tune(9)], output=tmp_path)
    again = paper.train(scores, minutes=1e-9, recipe=SMALL, output=tmp_path)
    assert len(first.history.losses) == len(again.history.losses) == 1
    assert first.history.looks[0][0] == 1
    assert first.history.looks[0][2] == pytest.approx(0, abs=0.05)
    (made,) = paper.compose(again, pieces=1, seed=3, elements=3)
    start = int(np.random.default_rng(3).integers(len(again.line) - 8, size=1)[0])
    line = again.line[start : start + 8]
    for element in made:
        inputs = line[None, -8:, None] / len(again.vocabulary)
        chosen = int(np.asarray(first.network(inputs.astype(np.float32))).argmax())
        assert again.vocabulary[chosen] == element
        line = np.append(line, chosen)


def test_training_goes_on_where_it_stopped_and_keeps_one_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper, "network_of", lambda *_, vocabulary: FakeNetwork(vocabulary))
    monkeypatch.setattr(
        paper.keras.models, "load_model", lambda path: FakeNetwork(int(Path(path).read_text()))
    )
    scores = [tune(seed) for seed in range(4)]
    first = paper.train(scores, minutes=0.0005, recipe=SMALL, output=tmp_path)
    second = paper.train(scores, minutes=0.001, recipe=SMALL, output=tmp_path)
    updates = len(first.history.losses)
    assert 0 < updates < len(second.history.losses)
    assert second.history.losses[:updates] == first.history.losses
    assert second.history.spent >= 0.06
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == [f"{len(second.history.losses):08}-network.keras", "history.json"]


def test_the_window_moves_on_by_one() -> None:
    network = FakeNetwork(10)
    made = paper.generate(network, prompts=np.array([[0, 1, 2], [5, 6, 7]]), vocabulary=10, elements=4)
    assert made.tolist() == [[3, 4, 5, 6], [8, 9, 0, 1]]
    assert network.asked == [(2, 3, 1)] * 4


def test_the_timed_loop_runs_as_many_elements_as_asked_and_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    network = FakeNetwork(paper.VOCABULARY)
    clock = iter((10.0, 13.0))
    monkeypatch.setattr(paper, "network_of", lambda *_, **__: network)
    monkeypatch.setattr(paper.time, "perf_counter", lambda: next(clock))
    assert paper.time_paper_loop(window=7, elements=200, timed=4) == 150.0
    assert network.asked == [(1, 7, 1)] * 5


@pytest.mark.parametrize("bars", [1, 2])
def test_scores_without_a_whole_window_are_refused(bars: int) -> None:
    with pytest.raises(ValueError, match="a window needs 101"):
        paper.train([tune(1, bars=bars)], minutes=1)


# Bits


class ByFrequency(FakeNetwork):
    """Expects every element as often as it stands in the training data, wherever it is."""

    def __init__(self, shares: Any) -> None:
        super().__init__(len(shares))
        self.shares = shares

    def predict(self, inputs: Any, **_: Any) -> Any:
        return np.tile(self.shares, (len(inputs), 1))


def test_a_network_that_knows_only_frequencies_costs_what_the_frequencies_cost() -> None:
    training, held_out = [tune(seed) for seed in range(12)], [tune(seed) for seed in range(20, 23)]
    model = a_model(training, FakeNetwork(1))
    shares = np.bincount(model.line) / len(model.line)
    model = a_model(training, ByFrequency(shares))
    bits = paper_bits.held_out_bits(model, training=training, held_out=held_out)
    assert bits["pitch"] == pytest.approx(bits["pitch_by_frequency"])
    assert bits["total"] == pytest.approx(bits["pitch"] + bits["advance"] + bits["duration"])
    notes = sum(len(score.notes) for score in held_out)
    assert bits["elements_per_note"] == pytest.approx(bits["elements_asked"] / notes)


def test_single_notes_cost_their_elements_rhythm_and_lengths_and_nothing_else() -> None:
    notes = tuple(Note(index * 12, (60, 62, 64, 65)[index % 4], 12) for index in range(64))
    score = Score("melody", notes, (4, 4), 16, 120.0, "C", "major")
    model = a_model([score], FakeNetwork(4))
    bits = paper_bits.held_out_bits(model, training=[score], held_out=[score])
    escape = 1 / 66
    assert bits["pitch"] == pytest.approx(-math.log2((1 - escape) * (0.5 + 0.5 / 4)), abs=1e-6)
    first, later, end = (math.log2((65 + END + 1) / count) for count in (2, 64, 2))
    assert bits["advance"] == pytest.approx((first + 63 * later + end) / 64)
    assert bits["duration"] == pytest.approx(math.log2((64 + len(DURATIONS)) / 65))


def test_an_element_never_seen_escapes_to_its_pitches() -> None:
    training = [tune(seed, accompanied=False) for seed in range(6)]
    strange = Score(
        "piano", tuple(Note(0, pitch, 12) for pitch in (61, 66, 70)), (4, 4), 1, 120.0, "C", "major"
    )
    model = a_model(training, FakeNetwork(1))
    bits = paper_bits.held_out_bits(model, training=training, held_out=[strange])
    assert bits["unseen_share"] == 1
    assert 20 < bits["bits_per_element"] < 60
    assert bits["pitch"] == pytest.approx(bits["bits_per_element"] / 3)


def test_the_octaves_of_a_chord_are_paid_for() -> None:
    def chords(spread: int) -> Score:
        notes = [
            Note(index * 12, pitch + (12 if pitch == 64 and index % 2 else 0) * spread, 12)
            for index in range(40)
            for pitch in (60, 64)
        ]
        return Score("piano", tuple(sorted(notes)), (4, 4), 10, 120.0, "C", "major")

    close, wide = (
        paper_bits.held_out_bits(a_model([score], FakeNetwork(1)), training=[score], held_out=[score])
        for score in (chords(0), chords(1))
    )
    assert close["bits_per_element"] == pytest.approx(wide["bits_per_element"])
    assert wide["pitch"] > close["pitch"] + 0.2


def test_nothing_held_out_is_refused() -> None:
    with pytest.raises(ValueError, match="No held-out score"):
        paper_bits.held_out_bits(a_model([tune(1)], FakeNetwork(1)), training=[tune(1)], held_out=[])
