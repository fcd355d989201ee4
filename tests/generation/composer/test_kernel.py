from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from generation.composer import drawing, kernel
from generation.composer.events import END, PITCHES
from generation.composer.runtime import Dense
from generation.composer.tables import exp_table

EXP = exp_table().tolist()


def build_and_draw(folder: Path) -> int:
    library = kernel.open_library(kernel.build([folder]))
    logits = np.array([0, 900, 0], np.int64)
    allowed = np.ones(3, np.bool_)
    drawn: int = library.draw(logits.ctypes.data, 3, allowed.ctypes.data, 1.0, 500, 12345)
    return drawn


def plainly_drawn(logits: list[int], allowed: list[bool], temperature: float, nucleus: int, bits: int) -> int:
    """What ``draw`` is to give, in plain Python."""
    highest = max(logit for logit, may in zip(logits, allowed, strict=True) if may)
    weights = {
        one: EXP[min(round((highest - logit) / temperature), len(EXP) - 1)]
        for one, (logit, may) in enumerate(zip(logits, allowed, strict=True))
        if may
    }
    kept: list[int] = []
    inside = 0
    for one in sorted(weights, key=lambda one: (-weights[one], one)):
        if inside * 1000 >= nucleus * sum(weights.values()) or weights[one] == 0:
            break
        kept.append(one)
        inside += weights[one]
    mark = int((bits >> 11) * 2.0**-53 * inside)
    for one in kept:
        mark -= weights[one]
        if mark < 0:
            return one
    return kept[-1]


def test_it_is_built_from_scratch_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "FLAGS", (*kernel.FLAGS, "-Werror", "-Wpedantic"))
    built = kernel.build([tmp_path / "new"])
    assert list((tmp_path / "new").iterdir()) == [built]
    assert build_and_draw(tmp_path / "new") == 1


def test_a_built_library_needs_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = kernel.build([tmp_path])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert kernel.build([tmp_path]) == built


def test_without_a_compiler_the_error_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(kernel.KernelError, match=r"no-such-compiler.*install gcc: apt-get install gcc"):
        kernel.build([tmp_path])
    assert not list(tmp_path.iterdir())


def test_a_failed_compile_says_what_the_compiler_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.c"
    broken.write_text("int f(void) { return nothing; }")
    monkeypatch.setattr(kernel, "SOURCE", broken)
    with pytest.raises(kernel.KernelError, match=r"(?s)install gcc: apt-get install gcc.*nothing"):
        kernel.build([tmp_path / "new"])
    assert not list((tmp_path / "new").iterdir())


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert kernel.build([tmp_path / "file", tmp_path / "cache"]).parent == tmp_path / "cache"
    with pytest.raises(kernel.KernelError, match="can be written"):
        kernel.build([tmp_path / "file"])


def test_two_processes_that_build_at_once_both_get_a_working_library(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(build_and_draw, [tmp_path, tmp_path], chunksize=1) == [1, 1]
    assert len(list(tmp_path.iterdir())) == 1


def test_constants_that_the_source_does_not_share_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = kernel._columns()
    monkeypatch.setattr(kernel, "_columns", lambda: [*columns[:-1], columns[-1] + 1])
    with pytest.raises(kernel.KernelError, match="columns"):
        kernel.open_library(kernel.build())


def test_arrays_of_another_kind_are_refused() -> None:
    with pytest.raises(TypeError, match="int32"):
        kernel.address(np.zeros(3), kernel.INT32)
    with pytest.raises(TypeError, match="strides"):
        kernel.address(np.zeros((4, 4), np.int32)[:, 1], kernel.INT32)
    assert kernel.address(np.zeros(0, np.uint32), kernel.UINT32) > 0


def test_drawing_agrees_with_plain_python() -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        count = int(rng.choice([3, END + 1, PITCHES]))
        logits = rng.integers(-6000, 6000, count)
        allowed = rng.random(count) < rng.choice([0.1, 0.9])
        allowed[rng.integers(count)] = True
        temperature, nucleus = float(rng.choice([0.7, 1.0, 1.1])), int(rng.choice([300, 985, 1000]))
        bits = rng.integers(0, 2**64, dtype=np.uint64)
        expected = plainly_drawn(logits.tolist(), allowed.tolist(), temperature, nucleus, int(bits))
        assert drawing.draw(logits, allowed, temperature, nucleus, bits) == expected


@pytest.mark.parametrize("rows", [1, 3, 4, 16, 17])
@pytest.mark.parametrize(
    ("inputs", "outputs"), [(2, 1), (14, 2), (34, 5), (256, 61), (320, 1280), (640, 100)]
)
def test_a_layer_gives_what_numpy_gives(rows: int, inputs: int, outputs: int) -> None:
    rng = np.random.default_rng(rows * inputs)
    weights = rng.integers(-32767, 32768, (inputs, outputs)).astype(np.int16)
    bias, table = rng.integers(-(2**23), 2**23, outputs), rng.integers(-(2**20), 2**20, (9, outputs))
    values = np.stack([rng.integers(0, size, rows) for size in (2, 7)], axis=1).astype(np.int32)
    # wider than the layer reads; products as large as a sum of 2**31 holds
    states = rng.integers(-60, 61, (rows, inputs + 7)).astype(np.int16)
    expected = states[:, :inputs].astype(np.int64) @ weights + bias
    plain = Dense(weights, bias)
    picking = Dense(weights, bias, table=table, fields=(("two", 2), ("seven", 7)))
    np.testing.assert_array_equal(plain(states), expected)
    np.testing.assert_array_equal(picking(states), expected)
    np.testing.assert_array_equal(
        picking(states, values), expected + table[values[:, 0]] + table[2 + values[:, 1]]
    )


def test_the_module_builds_ahead_of_time() -> None:
    command = [sys.executable, "-m", "generation.composer.kernel"]
    assert subprocess.run(command, check=False).returncode == 0
    broken = subprocess.run(
        command, env=os.environ | {"CC": "no-such-compiler"}, capture_output=True, text=True, check=False
    )
    assert broken.returncode == 1
    assert "install gcc" in broken.stderr
    assert "Traceback" not in broken.stderr
