"""Music of another instrument, arranged for a player who has no corpus of his own."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.composer.arranging import arranged
from generation.composer.players import PLAYERS
from generation.composer.score import Note, Score
from tests.generation.composer.scores import CALM

NOTES = st.lists(
    st.builds(Note, onset=st.integers(0, 90), pitch=st.integers(21, 108), duration=st.integers(1, 400)),
    max_size=40,
    unique=True,
)


def score(*notes: Note, bars: int = 12) -> Score:
    return Score("piano", tuple(sorted(notes)), (4, 4), bars, 100.0, "C", "major")


def hands_needed(pitches: list[int], *, span: int) -> int:
    """How many hands of this reach hold the tones, by trying every way to part them."""
    for count in range(1, len(pitches) + 1):
        for places in itertools.combinations(range(1, len(pitches)), count - 1):
            hands = [pitches[a:b] for a, b in itertools.pairwise((0, *places, len(pitches)))]
            if all(hand[-1] - hand[0] <= span for hand in hands):
                return count
    return 0


@pytest.mark.parametrize("instrument", ["harp", "marimba", "vibraphone"])
@CALM
@given(notes=NOTES)
def test_the_player_can_play_what_was_arranged(instrument: str, notes: list[Note]) -> None:
    player = PLAYERS[instrument]
    written = arranged(score(*notes), instrument=instrument)
    assert list(written.notes) == sorted(set(written.notes))
    for note in written.notes:
        assert player.low <= note.pitch <= player.high
        assert 0 < note.duration <= player.longest * 12
        sounding = sorted(
            other.pitch for other in written.notes if other.onset <= note.onset < other.onset + other.duration
        )
        assert len(set(sounding)) == len(sounding) <= player.voices
        assert hands_needed(sounding, span=player.span) <= player.hands


@CALM
@given(notes=NOTES)
def test_no_moment_falls_silent_and_the_tones_keep_their_names(notes: list[Note]) -> None:
    written = arranged(score(*notes), instrument="vibraphone")
    assert {note.onset for note in written.notes} == {note.onset for note in notes}
    names = {(note.onset, note.pitch % 12) for note in notes}
    assert {(note.onset, note.pitch % 12) for note in written.notes} <= names


def test_what_fits_is_left_as_it_is_and_a_low_piece_is_moved_as_a_whole() -> None:
    tune = [Note(0, 60, 12), Note(12, 64, 12), Note(24, 72, 24)]
    assert arranged(score(*tune), instrument="vibraphone").notes == tuple(tune)
    low = arranged(score(*(Note(n.onset, n.pitch - 24, n.duration) for n in tune)), instrument="vibraphone")
    assert low.notes == tuple(tune)


def test_an_instrument_with_a_corpus_is_measured_by_it_as_it_stands() -> None:
    wide = score(Note(0, 21, 500), Note(0, 108, 500))
    assert arranged(wide, instrument="piano") is wide
