"""Give memory back to the system. A worker holds arrays of tens of megabytes for moments, and models for ever."""

from __future__ import annotations

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8
"""``M_TRIM_THRESHOLD``, ``M_MMAP_THRESHOLD`` and ``M_ARENA_MAX`` of mallopt(3) in the GNU C library."""

LARGE_BYTES = 2 << 20
"""More than a block of sound that is worked on at a time: each new piece outside the heap costs a fault a page, which
took a seventh of a minute of piano's processor time when blocks lay there too.
"""

KEPT_BYTES = 8 << 20
"""Free memory at the end of the heap, more than which goes back at once."""


def keep_arrays_apart() -> None:
    """Have what is larger than 2 MB lie outside the heap for the rest of this process, and go when it is freed.

    By itself the GNU C library puts ever larger pieces into the heap once they have been freed, where what stays behind
    them keeps them from the system: 70 MB after one piece; and each thread gets a heap of its own. Does nothing with
    another C library.
    """
    library = _library()
    if library is not None:
        library.mallopt(MMAP_THRESHOLD, LARGE_BYTES)
        library.mallopt(TRIM_THRESHOLD, KEPT_BYTES)
        library.mallopt(ARENA_MAX, 1)


def give_back() -> None:
    """Give the free parts of the heap back: a few milliseconds. Does nothing without the GNU C library."""
    library = _library()
    if library is not None:
        library.malloc_trim(0)


def _library() -> ctypes.CDLL | None:
    """The C library that this process runs with, if it is the GNU one."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
