"""How far a long command is, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BAR_WIDTH = 30


def say(what: str) -> None:
    """Say what comes next."""
    sys.stderr.write(f"\n{what} …\n")
    sys.stderr.flush()


def say_skipped(lines: Sequence[str]) -> None:
    """Name the files of the corpus that could not be used, and count them."""
    sys.stderr.write("".join(f"\n{line}" for line in lines))
    sys.stderr.write(f"\n{len(lines)} files of the corpus were skipped.\n")


def tell(history: Any) -> None:
    """Say each ten updates how far a training of the paper's network is."""
    updates = len(history.losses)
    if updates % 10 == 1:
        sys.stderr.write(
            f"\r{history.spent / 60:.1f} minutes, update {updates}, loss {history.losses[-1][1]:.3f} "
        )
        sys.stderr.flush()


class Bar:
    """Draws how far training is, on one line of stderr, and for TensorBoard where that is wished."""

    def __init__(self, board: Path | None = None) -> None:
        self._longest = 0.0
        self._board: Any = None
        if board:
            from generation.composer.board import Board

            self._board = Board(board)

    def __call__(self, report: Any) -> None:
        if self._board:
            self._board.write(report)
        self._longest = max(self._longest, report.seconds_left)
        done = 1.0 - report.seconds_left / self._longest if self._longest else 1.0
        bar = ("█" * round(done * BAR_WIDTH)).ljust(BAR_WIDTH, "░")
        sys.stderr.write(
            f"\r{bar} epoch {report.epoch:.2f} · loss {report.loss:.3f} · held-out {report.held_out:.3f} bits a note · "
            f"{report.notes_per_second:,.0f} notes/s · {report.seconds_left / 60:.1f} min left "
        )
        sys.stderr.flush()
