"""How pages show what they know."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from generation.catalogue import OFFERS
from generation.drawings import roll_path, waveform_path
from generation.models import Composition, Instrument
from marketplace.templatetags import soloscore


@pytest.mark.parametrize(
    ("seconds", "text"), [(6, "0:06"), (59.6, "1:00"), ("75.2", "1:15"), (None, ""), ("", "")]
)
def test_a_length_is_shown_in_minutes_and_seconds(seconds: float | str | None, text: str) -> None:
    assert soloscore.clock(seconds) == text


@pytest.mark.parametrize(
    ("bpm", "term"),
    [(59.9, "largo"), (60, "adagio"), (88, "andante"), (155, "allegro"), (200, "presto"), (None, "")],
)
def test_a_tempo_has_its_italian_name(bpm: float | None, term: str) -> None:
    assert soloscore.tempo_term(bpm) == term


def test_keys_are_spelled_with_their_signs() -> None:
    assert [soloscore.tonic(name) for name in ("E-", "F#", "C")] == ["E♭", "F♯", "C"]


def test_a_piece_without_a_title_is_named_by_what_it_is() -> None:
    piece = Composition(instrument=Instrument(name="Piano"), tonic="B-", mode="minor")

    assert soloscore.piece_name(piece) == "Piano in B♭ minor"
    piece.title = "Dawn"
    assert soloscore.piece_name(piece) == "Dawn"


def test_a_waveform_has_as_many_strokes_as_asked_and_its_loudest_fills_the_box() -> None:
    path = waveform_path([-10, 10, -100, 50, 0, 0, -50, 20], 4)

    assert path == "M2 21.8V26.2M6 2.0V46.0M10 23.0V25.0M14 13.0V35.0"


def test_a_waveform_of_nothing_is_empty() -> None:
    assert waveform_path([], 64) == ""


def test_a_roll_is_drawn_from_left_to_right_with_low_notes_at_the_bottom() -> None:
    low, high = roll_path([[0, 0, 2], [2, 6, 2]]).split("M")[1:]

    assert low.startswith("8.0 84.0h")
    assert high.startswith("160.0 12.0h")
    assert roll_path([]) == ""


def test_every_offered_instrument_has_a_drawing_of_its_own() -> None:
    sprite = (settings.BASE_DIR / "marketplace/static/img/instruments.svg").read_text()
    assert set(OFFERS) == soloscore.DRAWN_INSTRUMENTS
    assert all(f'<symbol id="{slug}"' in sprite for slug in OFFERS)


def test_an_instrument_without_a_drawing_gets_the_tuning_fork() -> None:
    assert soloscore.drawing_of("piano").endswith("#piano")
    assert soloscore.drawing_of("theremin").endswith("#instrument")


def test_a_moment_that_never_was_is_not_past() -> None:
    assert soloscore.is_past(timezone.now() - timedelta(seconds=1))
    assert not soloscore.is_past(timezone.now() + timedelta(minutes=1))
    assert not soloscore.is_past(None)


def test_the_licence_keeps_its_numbers_and_its_words_cannot_become_markup() -> None:
    html = soloscore.legal_text(
        "# Licence\n\n**You** may <script>.\n\n## More\n\n4. Never, *if any*,\n   again.\n5. Done."
    )

    assert html == (
        "<h2>Licence</h2>\n<p><strong>You</strong> may &lt;script&gt;.</p>\n<h3>More</h3>\n"
        '<ol><li value="4">Never, <em>if any</em>,\n   again.</li><li value="5">Done.</li></ol>'
    )
