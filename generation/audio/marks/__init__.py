"""Inaudible marks: the house mark that anybody's file is asked for, and the copy mark that tells who bought it."""

from __future__ import annotations

from collections.abc import Callable

from generation.audio.marks.grid import Sound

Mark = Callable[[Sound], Sound]
"""Writes a mark into a sound of shape (frames, channels) at 44.1 kHz."""
