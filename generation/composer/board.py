"""The losses of a training run for TensorBoard, where they are wished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

_SCALARS = ("loss", "held_out", "notes_per_second")


class Board:
    """Writes what a training report tells into ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._writer = tf.summary.create_file_writer(str(folder))

    def write(self, report: Any) -> None:
        """Add a point, at the report's number of updates, to each curve."""
        with self._writer.as_default(step=report.updates):
            for name in _SCALARS:
                tf.summary.scalar(name, getattr(report, name))
