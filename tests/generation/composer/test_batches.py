"""How sections reach the network: in lanes, by shares, with wishes hidden now and then."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from generation.composer.batches import TABLES, Lanes, Track, endless, track_of, untold
from generation.composer.context import FIELDS, NO_DURATION, NO_EVENT, NO_PITCH
from generation.composer.events import END
from generation.composer.traits import CLASSES, EXACT, TRAITS, edges_of
from tests.generation.composer.models import songs
from tests.generation.composer.scores import PLAIN, ensemble, song, tune


def track(seed: int, *, bars: int = 8) -> Track:
    return track_of(tune(seed, bars=bars), edges=PLAIN)


def column(one: Track, table: str, name: str) -> np.ndarray:
    return one.tables[table][:, [field for field, _ in FIELDS[table]].index(name)]


def test_lanes_carry_a_section_from_chunk_to_chunk_and_begin_the_next_with_a_clear_state() -> None:
    tracks = [track(seed, bars=4 + seed) for seed in range(5)]
    batches = list(Lanes(lanes=2, chunk=16, source=iter(tracks)))
    read: list[list[list[int]]] = [[], []]
    begun = [0, 0]
    for batch in batches:
        for lane in range(2):
            begun[lane] += int(batch.keep[lane, 0] == 0 and batch.masks[lane, 0, 0] == 1)
            real = batch.masks[lane, :, 0] == 1
            assert (real == sorted(real, reverse=True)).all()
            read[lane] += batch.tables["targets"][lane][real].tolist()
    assert sum(begun) == 5
    whole = sorted(tuple(map(tuple, one.tables["targets"].tolist())) for one in tracks)
    found = []
    for lane in read:
        section: list[tuple[int, ...]] = []
        for event in lane:
            section.append(tuple(event))
            if event[0] == END:
                found.append(tuple(section))
                section = []
    assert sorted(found) == whole
    assert not batches[0].keep.any()


def test_a_batch_holds_the_rows_of_its_tracks_and_nothing_after_their_end() -> None:
    one = track(1)
    batch = next(Lanes(lanes=1, chunk=len(one) + 5, source=iter([one])))
    for name in TABLES:
        assert (batch.tables[name][0, : len(one)] == one.tables[name]).all()
        assert not batch.tables[name][0, len(one) :].any()
    assert batch.masks[0, :, 0].tolist() == [1.0] * len(one) + [0.0] * 5


def test_an_end_teaches_only_the_advance_and_a_part_is_learned_only_of_several_players() -> None:
    solo, several = track(1), track_of(ensemble(1), edges=PLAIN)
    batch = next(Lanes(lanes=2, chunk=1000, source=iter([solo, several])))
    masks = batch.masks.sum(axis=1).tolist()
    notes, others = len(solo) - 1, len(several) - 1
    assert masks == [[notes + 1, 0, notes, notes], [others + 1, others, others, others]]
    assert batch.masks[0, notes].tolist() == [1, 0, 0, 0]


def test_lanes_end_when_every_section_is_read() -> None:
    assert list(Lanes(lanes=3, chunk=8, source=iter([]))) == []
    lanes = Lanes(lanes=3, chunk=1000, source=iter([track(1)]))
    assert next(lanes).masks.sum(axis=(1, 2)).astype(bool).tolist() == [True, False, False]
    with pytest.raises(StopIteration):
        next(lanes)


@pytest.mark.parametrize("name", TRAITS)
def test_a_hidden_trait_hides_nothing_else(name: str) -> None:
    whole = track_of(songs()[0], edges=edges_of(songs()))
    hidden = whole.without(traits=[name])
    assert set(column(hidden, "inputs", name).tolist()) == {0}
    assert 1 <= column(whole, "inputs", name).min() <= CLASSES[name]
    changed = hidden.tables["inputs"] != whole.tables["inputs"]
    assert np.flatnonzero(changed.any(axis=0)).tolist() == [
        [field for field, _ in FIELDS["inputs"]].index(name)
    ]
    assert all((hidden.tables[table] == whole.tables[table]).all() for table in TABLES[1:])


def test_hidden_repeats_hide_the_plan_and_what_its_source_would_tell() -> None:
    whole = track_of(song(1, form="ABAB"), edges=PLAIN)
    hidden = whole.without(repeats=True)
    nothing = {
        ("inputs", "repeat"): 0, ("inputs", "next_repeat"): 0,
        ("inputs", "advance_source"): NO_EVENT, ("inputs", "pitch_source"): NO_PITCH,
        ("pitch", "pitch_source"): NO_PITCH, ("duration", "duration_source"): NO_DURATION,
    }  # fmt: skip
    for (table, name), value in nothing.items():
        assert set(column(hidden, table, name).tolist()) == {value}
        assert set(column(whole, table, name).tolist()) > {value} or name.endswith("repeat")
    assert EXACT in column(whole, "inputs", "repeat")
    for table in TABLES:
        fields = [name for name, _ in FIELDS.get(table, [])]
        changed = np.flatnonzero((hidden.tables[table] != whole.tables[table]).any(axis=0))
        assert {(table, fields[index]) for index in changed} <= set(nothing)


def test_what_only_the_finished_piece_shows_is_not_told_when_its_likelihood_is_measured() -> None:
    one = untold(track_of(song(1), edges=PLAIN))
    for name in ("repeat", "next_repeat", *TRAITS):
        assert not column(one, "inputs", name).any()


def test_a_track_is_cut_at_its_beginning() -> None:
    one = track(1)
    assert len(one.first(10)) == 10
    assert (one.first(10).tables["inputs"] == one.tables["inputs"][:10]).all()
    assert len(one.first(10**6)) == len(one)


def drawn(folders: dict[str, list[Track]], *, count: int, **options: object) -> list[Track]:
    settings = {"wish_dropout": 0.0, "rng": np.random.default_rng(1)} | options
    source: Iterator[Track] = endless(folders, **settings)  # type: ignore[arg-type]
    return list(islice(source, count))


def test_every_folder_gives_its_share_of_the_notes() -> None:
    long, short = [track(1, bars=40), track(2, bars=30)], [track(seed, bars=4) for seed in range(3, 9)]
    found = drawn({"long": long, "short": short}, count=600, shares={"long": 0.25, "short": 0.75})
    total = sum(len(one) for one in found)
    assert sum(len(one) for one in found if any(one is other for other in long)) / total == pytest.approx(
        0.25, abs=0.02
    )


def test_a_folder_without_a_share_or_without_tracks_gives_nothing() -> None:
    one, other = track(1), track(2)
    folders = {"one": [one], "other": [other], "empty": []}
    found = drawn(folders, count=20, shares={"one": 1.0, "other": 0.0, "empty": 1.0})
    assert all(track is one for track in found)


def test_a_folder_is_read_in_a_new_order_every_time_round() -> None:
    tracks = [track(seed, bars=2) for seed in range(8)]
    found = drawn({"one": tracks}, count=32, shares={"one": 1.0})
    rounds = [
        [next(i for i, t in enumerate(tracks) if t is one) for one in found[k : k + 8]]
        for k in range(0, 32, 8)
    ]
    assert all(sorted(order) == list(range(8)) for order in rounds)
    assert len({tuple(order) for order in rounds}) == 4


def test_each_wish_is_hidden_with_its_own_chance() -> None:
    whole = track_of(songs()[0], edges=edges_of(songs()))
    found = drawn({"one": [whole]}, count=300, shares={"one": 1.0}, wish_dropout=0.3)
    for name in (*TRAITS, "repeat"):
        hidden = [not column(one, "inputs", name).any() for one in found]
        assert sum(hidden) / 300 == pytest.approx(0.3, abs=0.09)
    assert all(one is whole for one in drawn({"one": [whole]}, count=9, shares={"one": 1.0}))
