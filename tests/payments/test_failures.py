"""The list of failures is complete, and its page is current."""

from __future__ import annotations

from tests.failures import PAGE, ROWS, page, rows_with_tests


def test_every_failure_is_injected_by_a_test_and_no_test_names_another() -> None:
    assert set(rows_with_tests()) == set(ROWS)


def test_the_numbers_leave_no_gap() -> None:
    counts = {"R": 14, "P": 17, "A": 8, "W": 11, "I": 6}
    assert set(ROWS) == {
        f"{letter}{number + 1}" for letter, count in counts.items() for number in range(count)
    }


def test_the_page_of_failures_is_current() -> None:
    assert PAGE.read_text() == page(), "run  python -m tests.failures"
