"""A candidate is kept from quoting what is known, note by note."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.composer import echoes
from generation.composer.decode import decode_batch
from generation.composer.events import LOWEST_PITCH, encode, key_shift
from generation.composer.rules import MOST_ROUNDS
from generation.composer.runtime import Core, quantised
from generation.composer.sampling import Stream
from generation.composer.score import Note, Score
from generation.originality.index import build_corpus_index
from generation.originality.report import CORPUS_LIMIT, check
from generation.originality.runs import SHINGLE, bass_line, shingles, top_line
from tests.generation.composer.models import random_weights
from tests.generation.composer.scores import CALM, scribble, song, tune
from tests.generation.composer.test_decoding import free_plan


class Quoting(Core):
    """A network that wants nothing but to play one melody from its beginning to its end, whatever it has played."""

    def __init__(self, score: Score) -> None:
        super().__init__(quantised(random_weights(0)))
        self._events = encode(score.notes, shift=key_shift(tonic=score.tonic, mode=score.mode))[:-1]
        self._time = -1

    def step(self, inputs: Any, *, states: Any) -> Any:
        self._time += 1
        return super().step(inputs, states=states)

    def logits(self, name: str, summed: Any, *, given: Any = None) -> Any:
        wanted = super().logits(name, summed, given=given) * 0
        event = self._events[self._time % len(self._events)]
        wanted[:, getattr(event, name)] = 512 * 40
        return wanted


def a_melody(seed: int, *, bars: int = 12) -> Score:
    return tune(seed, bars=bars, accompanied=False)


def played(melody: Score, *, known: Any) -> list[Score]:
    streams = [Stream("quoting", number) for number in range(3)]
    batch = decode_batch(free_plan(14), core=Quoting(melody), streams=streams, temperature=1.0, known=known)
    return [one.score for one in batch]


@pytest.mark.parametrize("pitches", [(60, 64), (60, 62, 64), (67, 64, 60, 64), (60, 62, 64, 65, 67, 65)])
def test_a_network_that_wants_to_go_round_and_round_is_stopped(pitches: tuple[int, ...]) -> None:
    notes = tuple(Note(6 * index, pitches[index % len(pitches)], 6) for index in range(96))
    for score in played(Score("piano", notes, (4, 4), 12, 100.0, "C", "major"), known=None):
        line = [note.pitch for note in score.notes if note.onset < 12 * 48]
        same = [one == other for one, other in zip(line, line[len(pitches) :], strict=False)]
        longest = max(len(run) for run in "".join("=" if one else " " for one in same).split())
        # the first note of all follows nothing, so that its round is not yet one
        assert longest + len(pitches) - MOST_ROUNDS * len(pitches) in (0, 1)


@pytest.mark.parametrize("seed", range(4))
def test_a_network_that_wants_to_quote_is_kept_from_it(seed: int) -> None:
    melody = a_melody(seed)
    corpus = build_corpus_index({"known.mid": [melody.notes]})
    quotes = [check(score.notes, corpus=corpus) for score in played(melody, known=None)]
    assert all(found.longest_run_corpus >= 30 for found in quotes)
    assert not any(found.may_be_offered for found in quotes)
    kept = [check(score.notes, corpus=corpus) for score in played(melody, known=corpus.hashes)]
    assert all(found.longest_run_corpus < CORPUS_LIMIT for found in kept)


def test_what_is_not_known_may_be_played() -> None:
    melody, other = a_melody(1), a_melody(2)
    corpus = build_corpus_index({"other.mid": [other.notes]})
    free = played(melody, known=None)
    assert played(melody, known=corpus.hashes) == free


def followed(score: Score, *, known: Any) -> list[tuple[int, int, int, int]]:
    """(notes, tokens, known shingles on end) of both lines after each onset, as the compiled functions count them."""
    shift = key_shift(tonic=score.tonic, mode=score.mode)
    events = encode(score.notes, shift=shift)[:-1]
    written = np.array(
        [(note.onset, *event) for note, event in zip(score.notes, events, strict=True)], np.int32
    )
    lines = np.zeros((2, echoes.LINE), np.int64)
    found = []
    for count in range(1, len(written) + 1):
        if count == len(written) or written[count, 0] != written[count - 1, 0]:
            echoes.follow(written, count, lines, known)
            found.append(tuple(int(line[echoes.RUN]) for line in lines))
    notes = tuple(int(line[echoes.NOTES]) for line in lines)
    return [*found, notes]


def expected(score: Score, *, known: Any) -> list[tuple[int, int]]:
    """The same, by the functions that judge finished pieces."""
    found = []
    runs = {}
    for which, (line, hashes) in enumerate(
        zip((top_line(score.notes), bass_line(score.notes)), shingles(score.notes), strict=True)
    ):
        run = 0
        runs[which] = {note.onset: 0 for note in line}
        for note, value in zip(line[SHINGLE + 1 :], hashes, strict=True):
            hit = value != 0 and np.uint32(value >> np.uint64(32)) in known
            run = run + 1 if hit else 0
            runs[which][note.onset] = run
    last = [0, 0]
    for onset in sorted({note.onset for note in score.notes}):
        last = [runs[which].get(onset, last[which]) for which in range(2)]
        found.append((last[0], last[1]))
    return [*found, (len(runs[0]), len(runs[1]))]


def some_known(score: Score, *, seed: int) -> Any:
    """Most of a piece's own shingles, and some of nobody's."""
    own = build_corpus_index({"own": [score.notes]}).hashes
    rng = np.random.default_rng(seed)
    strange = rng.integers(0, 2**32, 50, dtype=np.uint32)
    return np.unique(np.concatenate([own[rng.random(len(own)) < 0.8], strange]))


@CALM
@given(seed=st.integers(0, 10**6), count=st.integers(1, 120))
def test_the_lines_are_followed_as_finished_pieces_are_judged(seed: int, count: int) -> None:
    score = scribble(seed, count=count)
    known = some_known(score, seed=seed)
    assert followed(score, known=known) == expected(score, known=known)


@pytest.mark.parametrize("seed", range(6))
def test_songs_are_followed_as_they_are_judged(seed: int) -> None:
    for score in (song(seed), tune(seed, bars=24)):
        known = some_known(score, seed=seed)
        found = followed(score, known=known)
        assert found == expected(score, known=known)
        assert max(run for run, _ in found[:-1]) > 2


def test_a_scale_belongs_to_everybody() -> None:
    scale = tuple(Note(6 * step, 40 + 2 * step, 6) for step in range(24))
    score = Score("piano", scale, (4, 4), 3, 120.0, "C", "major")
    everything = np.arange(0, 2**32, 2**12, dtype=np.uint64).astype(np.uint32)
    assert {run for run, _ in followed(score, known=everything)[:-1]} == {0}


def test_one_pitch_always_stays_allowed() -> None:
    melody = a_melody(3)
    corpus = build_corpus_index({"known.mid": [melody.notes]})
    written = np.zeros((14, 5), np.int32)
    events = encode(melody.notes, shift=0)
    for index in range(13):
        written[index] = (melody.notes[index].onset, *events[index])
    lines = np.zeros((2, echoes.LINE), np.int64)
    for count in range(1, 12):
        echoes.follow(written, count, lines, corpus.hashes)
    next_note = melody.notes[12]
    pitch = next_note.pitch - LOWEST_PITCH
    only = np.zeros(100, np.bool_)
    only[pitch] = True
    echoes.forbid_long_runs(written, 12, lines, next_note.onset, False, corpus.hashes, only)
    assert only.sum() == 1
    two = np.zeros(100, np.bool_)
    two[[pitch, pitch + 1]] = True
    echoes.forbid_long_runs(written, 12, lines, next_note.onset, False, corpus.hashes, two)
    assert np.flatnonzero(two).tolist() == [pitch + 1]
