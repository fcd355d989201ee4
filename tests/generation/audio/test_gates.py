"""The gates of a finished recording can fail: each is shown what it is there for."""

from __future__ import annotations

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from scipy import signal

from generation.audio.evaluation.gates import (
    Levels,
    clicks,
    clipped,
    ending,
    ffmpeg_levels,
    first_sound,
    longest_silence,
    measure,
)
from generation.audio.evaluation.report import Report
from generation.audio.performance import perform
from generation.audio.synthesis import RATE
from tests.generation.audio.conftest import song

GOOD = Levels(lufs=-14.0, dbtp=-1.2)


@pytest.fixture(scope="module", params=["piano", "guitar"])
def piece(request, rendered):
    return rendered(song(instrument=request.param))


@pytest.fixture
def struck():
    """Ten strokes of wood, one each half second: noise that is gone after 20 ms, over a tone that rings."""
    random = np.random.default_rng(2)
    seconds = np.arange(RATE // 2) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 440 * seconds) * np.exp(-seconds / 0.2)
    strokes = [
        tone + 0.05 * random.standard_normal(len(seconds)) * np.exp(-seconds / 0.004) for _ in range(10)
    ]
    return np.repeat(np.concatenate(strokes)[:, None], 2, axis=1).astype(np.float32)


STRUCK = [0.5 * number for number in range(10)]


def judged(sound, *, onsets, ends, ordered, levels=GOOD):
    return measure(sound=sound, levels=levels, onsets=onsets, music_ends=ends, ordered=ordered).failures()


def test_a_recording_of_ours_fails_no_gate(piece):
    performance = perform(score=piece.score, seed=7)
    levels = ffmpeg_levels(piece.directory / "master.flac")
    onsets = [note.start for note in performance.notes]
    assert judged(piece.master, onsets=onsets, ends=performance.seconds, ordered=30.0, levels=levels) == ()


def test_each_gate_fails_by_its_name(piece):
    performance = perform(score=piece.score, seed=7)
    onsets = [note.start for note in performance.notes]
    as_it_is = {"onsets": onsets, "ends": performance.seconds, "ordered": 30.0}
    assert judged(piece.master, **as_it_is, levels=Levels(lufs=-14.4, dbtp=-1.2)) == ("loudness",)
    assert judged(0.9 * piece.master, **as_it_is) == ("loudness",)
    assert judged(piece.master, **as_it_is, levels=Levels(lufs=-14.0, dbtp=-0.9)) == ("true peak",)
    assert judged(piece.master, **as_it_is | {"ordered": 29.3}) == ("length",)
    later = np.pad(piece.master, ((RATE // 10, 0), (0, 0)))
    moved = {"onsets": [onset + 0.1 for onset in onsets], "ends": performance.seconds + 0.1, "ordered": 30.0}
    assert judged(later, **moved) == ("start",)
    assert "tail" in judged(piece.master[: int((performance.seconds + 0.2) * RATE)], **as_it_is)


@pytest.mark.parametrize("kind", ["sample", "step", "gap", "splice"])
def test_a_click_in_music_is_found_where_it_is(piece, kind):
    onsets = np.array([note.start for note in perform(score=piece.score, seed=7).notes])
    place = onsets[100] + 0.7 * (onsets[onsets > onsets[100] + 0.05][0] - onsets[100])
    frame = int(place * RATE)
    sound = piece.master.copy()
    if kind == "sample":
        sound[frame] += 0.03
    elif kind == "step":
        sound[frame : frame + 2000] += 0.05 * np.exp(-np.arange(2000) / 400)[:, None]
    elif kind == "gap":
        sound[frame : frame + 44] = 0
    else:
        sound = np.delete(sound, np.s_[frame : frame + 100], axis=0)
    found = clicks(sound, onsets=onsets)
    assert found
    assert all(abs(moment - place) < 0.003 for moment in found)


def test_attacks_are_no_clicks_but_a_click_upon_an_attack_is(struck):
    assert clicks(struck, onsets=STRUCK) == ()
    struck[RATE + 100] += 1.5
    assert clicks(struck, onsets=STRUCK) == (pytest.approx(1 + 100 / RATE, abs=0.001),)


def test_what_clicks_above_the_attack_counts_only_where_nothing_is_struck():
    # A burst above 12 kHz over a tone: felt and wood at an onset, a fault anywhere else.
    seconds = np.arange(2 * RATE) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 3000 * seconds) * np.hanning(len(seconds))
    sound = np.repeat(tone[:, None], 2, axis=1)
    burst = signal.firwin(31, 13_000, fs=RATE, pass_zero=False)[:, None] * 0.004
    sound[RATE - 15 : RATE + 16] += burst
    sound = sound.astype(np.float32)
    assert clicks(sound, onsets=[0.0]) == (pytest.approx(1.0, abs=0.001),)
    assert clicks(sound, onsets=[0.0, 0.995]) == ()


def test_pulses_that_come_again_and_again_are_no_clicks():
    sound = np.zeros((RATE, 2), dtype=np.float32)
    sound[:: RATE // 65] = 0.5
    assert clicks(sound[: RATE // 65 * 60], onsets=[0.0]) == ()


def test_clipping_is_found_at_full_scale_and_below_it():
    wave = np.sin(2 * np.pi * 441 * np.arange(RATE) / RATE + 0.1)
    sound = np.stack([wave, wave], axis=1).astype(np.float32) * 0.7
    assert clipped(sound) == 0
    assert clipped(np.clip(sound, -0.6, 0.6)) > 0
    full = sound.copy()
    full[1000, 1] = 1.0
    assert clipped(full) == 1


def test_start_and_silence_are_measured_to_the_hundredth():
    sound = np.zeros((10 * RATE, 2), dtype=np.float32)
    hum = 0.1 * np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE)[:, None]
    for second in (1, 5):
        sound[second * RATE : (second + 1) * RATE] += hum
    sound += np.float32(0.0002)
    assert first_sound(sound) == pytest.approx(1.0, abs=0.005)
    assert longest_silence(sound, until=6.0) == pytest.approx(3.0, abs=0.03)
    assert longest_silence(sound, until=9.5) == pytest.approx(3.5, abs=0.03)


def test_a_tail_that_is_cut_is_told_from_one_that_dies_away():
    seconds = np.arange(4 * RATE) / RATE
    tone = np.sin(2 * np.pi * 220 * seconds) * np.exp(-seconds / 0.3)
    sound = np.repeat(tone[:, None], 2, axis=1).astype(np.float32)
    last, fall = ending(sound, music_ends=0.5)
    assert last < -100
    assert fall < 3
    cut = sound.copy()
    cut[int(1.5 * RATE) :] = 0
    assert ending(cut, music_ends=0.5)[1] > 20
    last, fall = ending(sound[: int(1.5 * RATE)], music_ends=0.5)
    assert last == pytest.approx(-42, abs=2)
    assert fall > 20


def test_the_command_refuses_what_it_cannot_measure(tmp_path):
    with pytest.raises(CommandError, match="kazoo"):
        call_command("measure_sound", instrument=["kazoo"], pieces=1, json=tmp_path / "report.json")
    assert list(tmp_path.iterdir()) == []


def test_the_command_measures_an_instrument_and_writes_its_report(tmp_path, settings, cache_dir, capsys):
    settings.SOUND_CACHE_DIR = cache_dir
    path = tmp_path / "instruments.json"
    call_command("measure_sound", instrument=["marimba"], pieces=1, seconds=5.0, json=path)
    report = Report.read(path)
    assert [figure.what for figure in report.figures if not figure.holds] == []
    (row,) = report.tables[0].rows
    found = dict(zip(report.tables[0].head, row, strict=True))
    assert (found["instrument"], found["pieces"], found["failed"], found["same bits"]) == (
        "marimba",
        "1",
        "0",
        "yes",
    )
    assert int(found["planted clicks found"].split(", ")[1]) >= 15
    assert "marimba | 1 | " in capsys.readouterr().out
