"""The compiled functions of the composer: ``kernel.c``, built by the machine's C compiler and called by ctypes.

:func:`library` builds it when it is first needed, ``python -m generation.composer.kernel`` ahead of time. A built
library lies in ``__pycache__`` beside the source (or in the user's cache where that cannot be written) under a name
made from the source, the compiler's flags and the machine: it is never stale. The modules that document the functions
(:mod:`.context`, :mod:`.rules`, :mod:`.drawing`, :mod:`.echoes`, :mod:`.runtime`, :mod:`.critic`) call them here;
their constants are handed over when the library is loaded.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from ctypes import c_bool, c_double, c_int64, c_uint64, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SOURCE = Path(__file__).with_name("kernel.c")
FLAGS = (
    "-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared", "-Wall",
    "-Wextra",
)  # fmt: skip
"""No processor is named: the library may be built on one machine and run on another, and chooses when it is called.

``CC="cc -DPORTABLE"`` builds one without code for a kind of processor, which gives the same notes."""

REMEDY = "install gcc: apt-get install gcc libc6-dev"

INT16, INT32, INT64 = np.dtype(np.int16), np.dtype(np.int32), np.dtype(np.int64)
UINT32, UINT64 = np.dtype(np.uint32), np.dtype(np.uint64)
FLOAT64, MASK = np.dtype(np.float64), np.dtype(np.bool_)

_A, _I, _F = c_void_p, c_int64, c_double
_SIGNATURES: dict[str, tuple[list[Any], Any]] = {
    "kernel_tell": ([_A, _I, _I], _I),
    "fill_rows": ([_A, _I, _A, _A, _A, _A, _A, _A, _A], None),
    "allow_pitches": ([_A, _A, _A, _I, c_bool, _A], None),
    "allow_advances": ([_A, _A, _A, _I, _A], None),
    "allow_durations": ([_A, _I, _A], None),
    "follow": ([_A, _I, _A, _A, _I], None),
    "forbid_long_runs": ([_A, _I, _A, _I, c_bool, _A, _I, _A], None),
    "draw": ([_A, _I, _A, _F, _I, c_uint64], _I),
    "fill_inputs": ([_A, _A], None),
    "fill_pitch_inputs": ([_A, _A], None),
    "fill_duration_inputs": ([_A, _A], None),
    "choose_advances": ([_A, _A, _F, _I], None),
    "choose_pitches": ([_A, _A, _F, _I], None),
    "choose_durations": ([_A, _A, _F, _I], _I),
    "layer": ([_A, _A, _I, _A, _A, _I], None),
    "step": ([_A, _A, _A, _A, _A, _A, _A, _A, _I], None),
    "head": ([_A, _A, _A, _A, _A, _A, _A, _I], None),
    "count_leanings": ([_A, _I, _A, _A, _A], None),
    "listen": ([_A, _A, _A, _A, _A, _A, _I, _I, _I], None),
}


class KernelError(RuntimeError):
    """The compiled functions cannot be built or do not fit this package."""


class Desk(ctypes.Structure):
    """The struct of that name in ``kernel.c``."""

    _fields_ = [
        *((name, c_void_p) for name in (
            "notes", "state", "lines", "motifs", "bits", "alive", "law", "numbers", "strengths", "plan", "known",
            "leanings",
        )),
        *((name, c_int64) for name in ("room", "bits_each", "living", "bars", "known_count")),
    ]  # fmt: skip


class Layer(ctypes.Structure):
    """The struct of that name in ``kernel.c``."""

    _fields_ = [
        *((name, c_void_p) for name in ("weights", "bias", "table", "offsets")),
        *((name, c_int64) for name in ("inputs", "outputs", "fields")),
    ]


class _Told(ctypes.Structure):
    _fields_ = [
        *((name, c_int64) for name in (
            "end", "durations", "pitches", "lowest_pitch", "exact", "no_event", "no_part", "no_pitch", "no_duration",
            "lags", "positions", "longest_hold", "search", "sounding", "shortest_motif", "longest_motif",
            "shortest_figure", "longest_figure", "motifs", "most_shingles", "shingle", "line",
            "outer_search", "ratio_classes", "widest", "step", "longest_gap", "longest_advance", "exp_count", "limit",
            "mille", "panel", "leanings",
        )),
        *((name, c_uint64) for name in ("multiplier", "mix1", "mix2")),
        *((name, c_double) for name in ("unit", "to_steps", "cell_to_steps", "to_cell", "to_hidden")),
        *((name, c_void_p) for name in (
            "columns", "lag", "advance_steps", "duration_steps", "advance_classes", "class_of", "exp",
            "tanh", "sigmoid", "hidden_tanh",
        )),
    ]  # fmt: skip


def address(array: NDArray[Any], dtype: np.dtype[Any]) -> int:
    """Where an array's values lie. Raises ``TypeError`` if they are not those of a C array of ``dtype``."""
    if array.dtype == dtype:
        if array.flags.carray and array.size:
            # half of the time that array.ctypes takes; NumPy declares the buffer from Python 3.12 on
            return ctypes.addressof(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type]
        if array.flags.c_contiguous:
            return array.ctypes.data
    message = (
        f"The kernel needs a contiguous array of {dtype}, not {array.dtype} with strides {array.strides}."
    )
    raise TypeError(message)


def build(folders: Iterable[Path] | None = None) -> Path:
    """Path of the built library, compiled unless one of ``folders`` has it. Raises ``KernelError``.

    Safe in several processes at once: each compiles to a name of its own, and the last one to finish stays.
    """
    compiler = os.environ.get("CC") or "cc"
    made_from = [
        SOURCE.read_bytes(),
        *(text.encode() for text in (compiler, *FLAGS, sys.platform, platform.machine())),
    ]
    name = f"kernel-{hashlib.sha256(b''.join(made_from)).hexdigest()[:32]}.so"
    tried = list(folders if folders is not None else _folders())
    for folder in tried:
        if (folder / name).exists():
            return folder / name
    for folder in tried:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, made = tempfile.mkstemp(prefix="kernel-", suffix=".part", dir=folder)
        except OSError:
            continue
        os.close(handle)
        try:
            _compile(compiler, to=made)
            Path(made).chmod(0o644)  # other users may run what this one built
            Path(made).replace(folder / name)
        finally:
            Path(made).unlink(missing_ok=True)
        return folder / name
    raise KernelError(
        f"None of {', '.join(map(str, tried))} can be written; the composer builds its kernel there."
    )


def _folders() -> list[Path]:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return [SOURCE.parent / "__pycache__", cache / "soloscore"]


def _compile(compiler: str, *, to: str) -> None:
    command = [*shlex.split(compiler), *FLAGS, "-o", to, str(SOURCE), "-lm"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        message = (
            f"The composer needs a C compiler, and {compiler!r} cannot be run ({error.strerror}); {REMEDY}"
        )
        raise KernelError(message) from None
    if done.returncode:
        message = (
            f"The composer's kernel could not be compiled by {compiler!r}; {REMEDY}\n{done.stderr.strip()}"
        )
        raise KernelError(message)


def open_library(path: Path) -> ctypes.CDLL:
    """The library at ``path``, told the composer's tables and constants."""
    found = ctypes.CDLL(str(path))
    for name, (arguments, result) in _SIGNATURES.items():
        function = getattr(found, name)
        function.argtypes, function.restype = arguments, result
    numbers, tables = _constants()
    told = _Told(**numbers, **{name: table.ctypes.data for name, table in tables.items()})
    wrong = found.kernel_tell(ctypes.byref(told), ctypes.sizeof(told), len(tables["columns"]))
    if wrong:
        what = ("the struct of constants", "the columns", "the sizes")[wrong - 1]
        raise KernelError(f"kernel.c and the Python modules of the composer do not agree on {what}.")
    found.tables = tables  # type: ignore[attr-defined]  # the library reads them for as long as it lives
    return found


_lock = threading.Lock()


@functools.cache
def _library() -> ctypes.CDLL:
    return open_library(build())


def library() -> ctypes.CDLL:
    """The compiled functions, built and loaded at the first call. Raises ``KernelError``."""
    with _lock:
        return _library()


def _constants() -> tuple[dict[str, int | float], dict[str, NDArray[Any]]]:
    """Numbers and tables by the names of ``_Told``."""
    # late, because these modules call the functions that are told their constants here
    from generation.composer import (
        context,
        drawing,
        echoes,
        events,
        leanings,
        rules,
        runtime,
        tables,
        traits,
    )
    from generation.originality import runs

    exp = tables.exp_table()
    numbers = {
        "end": events.END, "durations": len(events.DURATIONS), "pitches": events.PITCHES,
        "lowest_pitch": events.LOWEST_PITCH, "exact": traits.EXACT, "no_event": context.NO_EVENT,
        "no_part": context.NO_PART, "no_pitch": context.NO_PITCH, "no_duration": context.NO_DURATION,
        "lags": len(context.LAGS), "positions": context.POSITIONS, "longest_hold": context.LONGEST_HOLD,
        "search": context.SEARCH, "sounding": rules.SOUNDING, "shortest_motif": context.SHORTEST_MOTIF,
        "longest_motif": context.LONGEST_MOTIF, "shortest_figure": context.SHORTEST_FIGURE,
        "longest_figure": context.LONGEST_FIGURE, "motifs": context.MOTIFS, "most_shingles": echoes.MOST_SHINGLES,
        "shingle": runs.SHINGLE, "line": echoes.LINE, "outer_search": echoes.SEARCH,
        "ratio_classes": runs.RATIO_CLASSES, "widest": runs.WIDEST, "step": runs.STEP, "longest_gap": runs.LONGEST_GAP,
        "longest_advance": events.ADVANCES[-1], "exp_count": len(exp), "limit": tables.LIMIT, "mille": drawing.MILLE,
        "panel": runtime.PANEL, "leanings": leanings.LEANINGS,
        "multiplier": int(runs.MULTIPLIER), "mix1": int(runs.MIX1), "mix2": int(runs.MIX2), "unit": drawing.UNIT,
        "to_steps": runtime.TO_STEPS, "cell_to_steps": runtime.CELL_TO_STEPS, "to_cell": runtime.TO_CELL,
        "to_hidden": runtime.TO_HIDDEN,
    }  # fmt: skip
    reach = range(events.ADVANCES[-1] + 1)
    exact = {steps: index for index, steps in enumerate(events.ADVANCES)}
    arrays: dict[str, list[int]] = {
        "columns": _columns(),
        "lag": list(context.LAGS),
        "advance_steps": [*events.ADVANCES, 0],
        "duration_steps": list(events.DURATIONS),
        "advance_classes": [events.nearest(steps, table=events.ADVANCES) for steps in reach],
        "class_of": [exact.get(steps, -1) for steps in reach],
    }
    found: dict[str, NDArray[Any]] = {name: np.array(values, np.int64) for name, values in arrays.items()}
    found["exp"] = exp
    tanh = tables.tanh_table()
    found["tanh"], found["sigmoid"] = tanh.astype(np.float32), tables.sigmoid_table().astype(np.float32)
    found["hidden_tanh"] = np.rint(tanh * runtime.TANH_TO_HIDDEN).astype(np.int16)
    return numbers, found


def _columns() -> list[int]:
    """Every column that ``kernel.c`` names, in the order in which it lists them."""
    from generation.composer import context, echoes, rules, traits

    def among(table: str, *names: str) -> list[int]:
        held = [name for name, _ in context.FIELDS[table]]
        return [*(held.index(name) for name in names), len(held)]

    lag = context.LAGS[0]
    return [
        context.ONSET, context.ADVANCE, context.PART, context.PITCH, context.DURATION,
        2 + len(traits.TRAITS),
        rules.COUNT, rules.DONE, rules.FORCED, rules.FORCED_END, rules.SHIFT, rules.EARLIEST, rules.BAR, rules.DRAWN,
        rules.NEXT_ADVANCE, rules.NEXT_PITCH, rules.STATE,
        rules.LOW, rules.HIGH, rules.VOICES, rules.HANDS, rules.SPAN, rules.CLEAR_BELOW, rules.CLEAR, rules.GAP,
        rules.EQUAL, rules.FINAL, rules.BAR_STEPS, rules.LAST_DURATION, rules.LONGEST, rules.MINOR,
        rules.PEDAL, rules.FIGURE_NOTES, rules.ROUNDS,
        echoes.NOTES, echoes.LAST_ONSET, echoes.LAST_PITCH, echoes.LAST_GAP, echoes.RUN, echoes.TOKENS,
        echoes.FIRST_TOKEN,
        *among("inputs", "advance", "position", "strength", "bar", "bars_left", "metre", "repeat", "next_repeat",
               traits.TRAITS[0], "bass", "top", "top_before", "sounding", "next_end", f"advance_{lag}",
               "motif_top"),
        *among("part", "advance", "position", "part", f"part_{lag}"),
        *among("pitch", "advance", "position", "strength", "part", "below", "before", f"pitch_{lag}", "motif_top"),
        *among("duration", "advance", "part", "pitch", "position", "below", f"duration_{lag}", "motif_top"),
    ]  # fmt: skip


if __name__ == "__main__":
    try:
        build()
    except KernelError as error:
        sys.exit(str(error))
