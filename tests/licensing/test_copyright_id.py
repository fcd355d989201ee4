"""Copyright IDs can be typed, mistyped and never guessed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licensing.copyright_id import ALPHABET, check_characters, new_copyright_id, normalise

characters = st.sampled_from(ALPHABET)
drawn = st.text(alphabet=ALPHABET, min_size=10, max_size=10)


def test_the_check_is_the_one_of_the_standard() -> None:
    """ISO/IEC 7064 gives this example for MOD 1271-36."""
    assert check_characters("ISO79") == "3W"


def test_a_new_id_has_the_form_on_the_certificate_and_reads_back() -> None:
    ids = [new_copyright_id() for _ in range(500)]
    assert len(set(ids)) == 500
    for copyright_id in ids:
        assert re.fullmatch("SLS(-[0-9A-HJKMNP-TV-Z]{4}){3}", copyright_id)
        assert normalise(copyright_id) == copyright_id


@given(drawn, st.integers(0, 11), characters)
def test_every_wrong_character_is_caught(text: str, place: int, wrong: str) -> None:
    good = text + check_characters(text)
    bad = good[:place] + wrong + good[place + 1 :]
    if bad != good:
        assert normalise(bad) is None


@given(drawn, st.integers(0, 10))
def test_every_swap_of_neighbours_is_caught(text: str, place: int) -> None:
    good = text + check_characters(text)
    bad = good[:place] + good[place + 1] + good[place] + good[place + 2 :]
    if bad != good:
        assert normalise(bad) is None


@pytest.mark.parametrize("typed", ["sls-{}", "SLS {}", " {} ", "sls{}", "SLS–{}"])
def test_an_id_is_understood_however_it_is_typed(typed: str) -> None:
    copyright_id = new_copyright_id()
    for body in (copyright_id[4:], copyright_id[4:].lower(), copyright_id[4:].replace("-", " ")):
        assert normalise(typed.format(body)) == copyright_id


def test_letters_that_look_like_digits_are_read_as_digits() -> None:
    copyright_id = next(c for c in iter(new_copyright_id, None) if "0" in c and "1" in c)
    typed = copyright_id[4:].replace("0", "O").replace("1", "l")
    assert normalise("SLS-" + typed) == copyright_id


@pytest.mark.parametrize(
    "typed", ["", "SLS", "SLS-0000-0000-0000", "x" * 400, "SLS-ÄÖÜ0-0000-0000", "../../etc/passwd"]
)
def test_nonsense_is_no_id(typed: str) -> None:
    assert normalise(typed) is None


@given(st.text(max_size=40))
def test_any_text_can_be_asked_for(text: str) -> None:
    known = normalise(text)
    assert known is None or normalise(known) == known
