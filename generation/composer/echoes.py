"""Keeping candidates from quoting: top and bass line of each are followed, shingle by shingle.

Tokens, shingles and hashes are those of :mod:`generation.originality.runs`; a shingle is known by the top 32 bits of
its hash. A run is a stretch of known shingles on end, whatever pieces they come from. The functions are compiled
(:mod:`.kernel`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generation.composer.context import Written
from generation.composer.kernel import INT32, INT64, MASK, UINT32, address, library
from generation.composer.rules import Mask
from generation.originality import runs

Lines = NDArray[np.int64]
Known = NDArray[np.uint32]

MOST_SHINGLES = 2
"""Known shingles on end that a line may have: with one more, a run would be 13 notes long."""

NOTES, LAST_ONSET, LAST_PITCH, LAST_GAP, RUN, TOKENS, FIRST_TOKEN = range(7)
LINE = FIRST_TOKEN + runs.SHINGLE - 1
"""Numbers kept of a line: notes so far, the last one's onset and pitch, the gap before it, known shingles on end,
tokens so far, and the last tokens that a shingle needs before its own."""

SEARCH = 40
"""Notes back that are searched for one that sounds beyond a line."""


def follow(notes: Written, count: int, lines: Lines, known: Known) -> None:
    """Add the last onset's highest and lowest note to the lines they belong to; there must be a note."""
    library().follow(address(notes, INT32), count, address(lines, INT64), address(known, UINT32), len(known))


def forbid_long_runs(
    notes: Written, count: int, lines: Lines, onset: int, chord: bool, known: Known, allowed: Mask,  # noqa: FBT001
) -> None:  # fmt: skip
    """Take from ``allowed`` the pitches that would make a line's run of known shingles too long.

    At least one pitch stays: a piece that cannot but quote is refused when it is finished.
    """
    library().forbid_long_runs(
        address(notes, INT32), count, address(lines, INT64), onset, chord, address(known, UINT32), len(known),
        address(allowed, MASK),
    )  # fmt: skip
