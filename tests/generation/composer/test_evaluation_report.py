"""The report of a model: pieces made once, promises and wishes, and the page that is written from it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generation.composer.corpus import Entry, Piece
from generation.composer.evaluation import determinism, pieces, promises, wishes
from generation.composer.evaluation.gates import gates
from generation.composer.evaluation.page import page, read_results
from generation.composer.evaluation.pieces import Made, Studio
from generation.composer.evaluation.report import Plan, evaluate
from generation.composer.evaluation.rivals import read_rival
from generation.composer.keyfinder import heard_key
from generation.composer.model import load_model
from generation.composer.order import Order
from generation.composer.score import Note, Score
from generation.composer.write import write_midi
from tests.generation.composer.scores import tune


def made(order: Order, score: Score | None = None) -> Made:
    score = score or tune(order.seed, bars=20)
    return Made(order, score, seconds=order.seconds, longest_run_corpus=order.seed % 14)


@pytest.fixture
def orders_made(monkeypatch: pytest.MonkeyPatch) -> list[Order]:
    """Composing replaced by little tunes; the orders that came."""
    came: list[Order] = []

    def tune_for(order: Order, *, model: Any) -> Made:
        came.append(order)
        return made(order)

    monkeypatch.setattr(pieces, "make", tune_for)
    return came


def order(seed: int, **wish: Any) -> Order:
    return Order(instrument="piano", seconds=30, seed=seed, **wish)


# pieces


def test_nothing_is_composed_twice(orders_made: list[Order], tmp_path: Path) -> None:
    model = load_model("piano")
    first = Studio(model, cache=tmp_path).compose_all([order(1), order(2), order(1)])
    store = next(tmp_path.glob("pieces-*.jsonl"))
    with store.open("a") as lines:
        lines.write('{"order": {"instr')
    again = Studio(model, cache=tmp_path).compose_all([order(1), order(2)])
    assert [one.seed for one in orders_made] == [1, 2]
    assert (first.made[:2], first.refused) == (again.made, ())
    assert model.version in store.name


def test_an_order_nothing_original_was_found_for_is_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pieces, "make", lambda order, model: None)
    for _ in range(2):
        batch = Studio(load_model("piano"), cache=tmp_path).compose_all([order(1)])
        assert (batch.made, batch.refused) == ((), (order(1),))


# lengths and endings


def test_endings_of_known_scores() -> None:
    good = tune(1)
    assert promises.endings([good]) == {"on_tonic": 1, "long": 1, "on_beat": 1}
    last = good.notes[-1].onset
    kept = tuple(note for note in good.notes if note.onset < last)
    bad = replace(good, notes=(*kept, Note(last + 6, 62, 6)))
    assert promises.endings([good, bad]) == {"on_tonic": 0.5, "long": 0.5, "on_beat": 0.5}


def test_the_beat_of_compound_time_is_dotted() -> None:
    score = Score("piano", (Note(0, 60, 18), Note(18, 60, 18)), (6, 8), 1, 120.0, "C", "major")
    assert promises.ends_on_beat(score)
    assert not promises.ends_on_beat(replace(score, notes=(Note(0, 60, 12), Note(12, 60, 18))))


def test_the_largest_error_of_each_length_is_reported() -> None:
    ordered = promises.length_orders("piano", each=2)

    def held(one: Order) -> Score:
        # At 60 quarters a minute a second is 12 steps; every other piece sounds a quarter of a second too long.
        return replace(
            tune(1, bars=20), bpm=60.0, notes=(Note(0, 60, 12 * int(one.seconds) + 3 * (one.seed % 2)),)
        )

    rows = promises.kept([made(one, held(one)) for one in ordered])
    assert [row["seconds"] for row in rows] == [6, 15, 30, 60, 90, 180]
    assert {(row["pieces"], row["largest_error_seconds"]) for row in rows} == {(2, 0.25)}


# wishes


def test_the_key_is_heard_in_the_notes() -> None:
    triad = tuple(Note(12 * index, pitch, 12) for index, pitch in enumerate((67, 71, 74, 72, 69, 66, 67)))
    assert heard_key(triad) == ("G", "major")
    minor = tuple(Note(12 * index, pitch, 12) for index, pitch in enumerate((57, 60, 64, 62, 59, 56, 57)))
    assert heard_key(minor) == ("A", "minor")


def test_effect_is_the_difference_in_standard_deviations() -> None:
    assert wishes.cohens_d([1, 2, 3], [4, 5, 6]) == 3
    assert wishes.cohens_d([1, 1], [2, 2]) is None


def test_a_wish_that_works_shows_as_an_effect() -> None:
    ordered = wishes.wish_orders("piano", each=3)
    assert {one.mood for one in ordered} > {None, "calm"}
    assert len({one.tonic for one in ordered if one.tonic}) == 12

    def played(one: Order) -> Made:
        step = {"sparse": 24, "busy": 6}.get(one.density or "", 12)
        notes = tuple(
            Note(onset, 60 + one.seed % 3, step) for onset in range(0, 48 * (4 + one.seed % 2), step)
        )
        return made(one, Score("piano", notes, (4, 4), 6, one.bpm or 120.0, one.tonic or "C", "major"))

    found = wishes.effects([played(one) for one in ordered], real=[tune(seed) for seed in range(5)])
    by_wish = {(row["wish"], row["measure"]): row for row in found["scales"]}
    density = by_wish["density", "notes_per_quarter"]
    assert density["pieces"] == 3
    assert density["means"]["sparse"] < density["means"]["medium"] < density["means"]["busy"]
    assert density["effect"] > 3
    assert list(by_wish["bpm", "bpm"]["means"].items()) == [("60", 60), ("90", 90), ("120", 120)]
    assert found["key"]["pieces"] == 12
    assert found["key"]["real"]["tonic_heard"] >= 0.6
    assert found["tempo"] == {"pieces": 9, "largest_departure": 0}
    assert [row["mood"] for row in found["moods"]][:2] == [None, "calm"]
    assert found["moods"][1]["notes_per_second"]["effect"] == 0


# the report and its page


def corpus() -> list[Piece]:
    def entry(seed: int) -> Entry:
        return Entry(f"{seed}.mid", "piano", "", "", "CC0-1.0", f"Tests: made/{seed}/tune.mid", "")

    found = [Piece(entry(seed), (tune(1000 + seed, bars=20),)) for seed in range(16)]
    assert any(piece.entry.held_out for piece in found)
    return found


@pytest.fixture(scope="module")
def a_report() -> dict[str, Any]:
    """The report of a composer that makes little tunes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "make", lambda order, model: made(order))
        plan = Plan(pieces=8, sample=10, lengths=1, wishes=2)
        report = evaluate(Studio(load_model("piano")), corpus=corpus(), plan=plan)
    kept: dict[str, Any] = json.loads(json.dumps(report))
    return kept


def test_a_report_has_every_stable_key_and_makes_a_page(a_report: dict[str, Any], tmp_path: Path) -> None:
    report = a_report
    assert report["pieces"] == 8
    assert set(report["nll_bits_per_note"]) == {"advance", "part", "pitch", "duration", "total"}
    assert len(report["overlapping_area"]) == 10
    assert 0 <= report["classifier_auc"] <= 1
    assert set(report["bar_similarity"]) == {"lag1", "lag2", "lag4", "lag8"}
    assert {"real", "generated"} <= set(report["bar_similarity"]["lag8"])
    assert report["longest_shared_run"] == 9
    assert report["runs"]["pieces"] == 10
    works = report["real"].pop("works")
    assert 8 <= works <= 16
    assert report["real"] == {"source": "all works", "windows": 16, "window_bars": 12}
    report["real"]["works"] = works

    (tmp_path / "piano.json").write_text(json.dumps(report))
    (tmp_path / "speed.json").write_text(json.dumps({"figures": [{"what": "30 s of piano", "seconds": 0.5}]}))
    text = page(read_results(tmp_path))
    assert "| 30 s of piano | 0.5 |" in text
    assert "| same order composed again in other surroundings: different results | 1 | not measured |" in text
    assert (
        "| held-out loss, bits a note | ≤ 80 % of the paper's network on the same data and time | not measured |"
        in text
    )
    total = report["nll_bits_per_note"]["total"]
    assert f"| total | {total:.3g} | not measured | not measured |" in text
    assert "9 in 10 pieces: too few measured" in text
    assert "| pieces that end on a beat, same lengths | 100 % | 100.0%: holds |" in text
    assert "| busy |" not in text
    assert "not measured" in text.split("## Copies that are found")[1].splitlines()[2].lower()


def a_training(**theirs: Any) -> dict[str, Any]:
    """What ``compare_training`` writes."""
    paper = {
        "nll_bits_per_note": {"advance": 1.25, "pitch": 6.25, "duration": 2.5, "total": 10.0},
        "overlapping_area": {"mean": 0.431, "pitch_count": 0.212},
        "classifier_auc": 0.987,
        "classifier_interval95": [0.97, 0.99],
    }
    ours = {"advance": 1.5, "part": 0.0, "pitch": 5.0, "duration": 1.5, "total": 8.0}
    return {
        "instrument": "piano",
        "minutes": 3.0,
        "paper": paper | theirs,
        "ours": {"nll_bits_per_note": ours},
    }


def the_page(folder: Path, report: dict[str, Any], training: dict[str, Any]) -> list[str]:
    (folder / "piano.json").write_text(json.dumps(report))
    (folder / "training-piano.json").write_text(json.dumps(training))
    return page(read_results(folder)).splitlines()


def test_the_paper_is_compared_after_the_same_training(a_report: dict[str, Any], tmp_path: Path) -> None:
    lines = the_page(tmp_path, a_report, a_training())
    loss = a_report["nll_bits_per_note"]
    assert (
        "| held-out loss, bits a note | ≤ 80 % of the paper's network on the same data and time | "
        "8.00 against 10.00 after 3 minutes each: holds |"
    ) in lines
    head = "| bits a note, held-out scores | this model | our network, from nothing, 3 minutes | "
    assert f"{head}the paper's network, 3 minutes |" in lines
    assert f"| pitch | {loss['pitch']:.3g} | 5 | 6.25 |" in lines
    assert f"| total | {loss['total']:.3g} | 8 | 10 |" in lines
    for row, value in {"overlapping area: mean": "0.431", "classifier AUC": "0.987"}.items():
        (found,) = (line for line in lines if line.startswith(f"| {row} |"))
        assert found.endswith(f"| {value} |")
    assert not any("were not compared" in line for line in lines)


def test_a_network_no_better_than_the_papers_falls_short(a_report: dict[str, Any], tmp_path: Path) -> None:
    training = a_training() | {"minutes": 1.0}
    training["ours"]["nll_bits_per_note"]["total"] = 8.01
    lines = the_page(tmp_path, a_report, training)
    assert any("8.01 against 10.00 after 1 minute each: **falls short** |" in line for line in lines)


def test_why_the_papers_pieces_were_not_compared_is_said(a_report: dict[str, Any], tmp_path: Path) -> None:
    nothing = {"overlapping_area": None, "classifier_auc": None, "not_compared": "they are all alike."}
    lines = the_page(tmp_path, a_report, a_training(**nothing))
    assert "The pieces of the paper's recipe were not compared: they are all alike." in lines
    (found,) = (line for line in lines if line.startswith("| classifier AUC |"))
    assert found.endswith("| not measured |")


@pytest.mark.parametrize("found", [[], {"piano": {"nll_bits_per_note": 10.0}}])
def test_a_file_that_is_no_comparison_of_trainings_is_refused(found: Any, tmp_path: Path) -> None:
    (tmp_path / "training-piano.json").write_text(json.dumps(found))
    with pytest.raises(ValueError, match=r"training-piano\.json is no report of compare_training"):
        read_results(tmp_path)


def test_what_falls_short_is_said(a_report: dict[str, Any]) -> None:
    report = copy.deepcopy(a_report)
    report["overlapping_area"] = {"mean": 0.9, "pitch_count": 0.7, "mean_gap": 0.95}
    report["classifier_auc"] = 0.66
    report["longest_shared_run"] = 14
    report["lengths"][0]["on_tonic"] = 0.9
    report["instrument"] = "flute"
    found = {
        gate.what.split(",")[0]: (gate.measured, gate.outcome)
        for gate in gates(
            report, training=None, determinism={"digests": {"a": 1, "b": 1}, "runs": 2, "processes": [{}]}
        )
    }
    assert found["overlapping area with real music"] == ("0.900", "**falls short**")
    assert found["the lowest of the nine"] == ("0.700 (pitch_count)", "**falls short**")
    assert found["real-or-generated classifier"][1] == "**falls short**"
    assert found["longest run shared with the training corpus"] == ("14 in 10 pieces", "**falls short**")
    assert found["pieces that end on the tonic"] == ("98.3%", "**falls short**")
    assert found["held-out loss"][1] == "not measured"
    assert found["same order composed again in other surroundings: different results"][1] == "**falls short**"
    del report["lengths"][0]
    outcomes = {gate.what: gate.outcome for gate in gates(report, training=None, determinism=None)}
    assert outcomes["length, largest error over 6, 15, 30, 60, 90, 180 s"] == "not measured"


@pytest.mark.parametrize(
    ("real", "made", "outcome"),
    [(0.3, 0.25, "holds"), (0.3, 0.31, "**falls short**"), (0.1, 0.25, "**falls short**")],
)
def test_a_mean_may_lie_outside_the_real_range_only_as_far_as_the_real_mean(
    a_report: dict[str, Any], real: float, made: float, outcome: str
) -> None:
    report = copy.deepcopy(a_report)
    report["measures"]["bar_recurrence"] |= {"real": real, "generated": made, "real_p10_p90": [0.0, 0.2]}
    (found,) = (
        gate for gate in gates(report, training=None, determinism=None) if gate.what == "bar recurrence, mean"
    )
    assert found.outcome == outcome
    assert ("outside too" in found.measured) == (real > 0.2)


def test_too_little_to_compare_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 5 pieces"):
        evaluate(Studio(load_model("piano")), corpus=corpus(), plan=Plan(pieces=2))


def test_a_folder_without_reports_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no report of evaluate_composer"):
        read_results(tmp_path)
    (tmp_path / "piano.json").write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        read_results(tmp_path)


def test_a_rivals_files_are_read_in_the_key_they_sound_in(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no file"):
        read_rival(tmp_path)
    notes = tuple(Note(12 * index, pitch, 12) for index, pitch in enumerate((67, 71, 74, 72, 69, 66, 67, 67)))
    write_midi(Score("piano", notes, (4, 4), 2, 120.0, "C", "major"), tmp_path / "a.mid")
    (score,) = read_rival(tmp_path)
    assert (score.tonic, score.mode, len(score.notes)) == ("G", "major", 8)


# determinism


def test_fresh_processes_compose_the_same_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(determinism, "SURROUNDINGS", determinism.SURROUNDINGS[2:4])
    short = Order(instrument="guitar", seconds=5, seed=3)
    told: list[tuple[int, int]] = []
    report = determinism.check_determinism(short, runs=3, progress=lambda *done: told.append(done))
    assert report["identical"]
    assert list(report["digests"].values()) == [3]
    assert [process["runs"] for process in report["processes"]] == [2, 1]
    assert told == [(1, 2), (2, 2)]


def test_a_process_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="is missing, so there is no model"):
        determinism.check_determinism(order(1), runs=1, models=tmp_path)


def test_other_keys_and_tempos_are_other_digests() -> None:
    score = tune(1)
    digest: Callable[[Score], str] = determinism.notes_digest
    assert digest(score) == digest(tune(1))
    assert len({digest(score), digest(replace(score, bpm=121.0)), digest(replace(score, tonic="D"))}) == 3
