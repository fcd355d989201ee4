from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from generation.audio.levels import loudness
from generation.audio.loop import make_loop
from generation.audio.performance import LEAD_SECONDS, perform
from generation.audio.synthesis import RATE
from generation.composer.score import Note, Score
from tests.generation.audio.conftest import scale, song

WINDOW = RATE // 100


def levels(sound, *, around: int, windows: int):
    """Decibels of windows of 10 ms before and after a frame."""
    cut = sound[around - windows * WINDOW : around + windows * WINDOW]
    power = np.square(cut, dtype=np.float64).reshape(2 * windows, -1).mean(axis=1)
    return 10 * np.log10(power + 1e-12)


@pytest.mark.parametrize("instrument", ["piano", "violin", "guitar", "organ"])
def test_the_end_goes_over_into_the_beginning_without_a_step(instrument, cache_dir):
    score = scale(instrument=instrument)
    loop = make_loop(score=score, seed=7, cache_dir=cache_dir)
    sound = loop.sound
    assert len(sound) == round(score.seconds * RATE)
    assert loudness(sound=sound, rate=RATE) == pytest.approx(-14.0, abs=0.3)
    # Resampling by Fourier series takes the sound for what it is here: periodic.
    peak = np.abs(signal.resample(sound, 4 * len(sound), axis=0)).max()
    assert 20 * np.log10(peak) <= -1.0
    steps = np.abs(np.diff(np.concatenate([sound, sound[:3]]), n=2, axis=0)).max(axis=1)
    assert steps[-3:].max() <= steps[:-3].max()
    twice = np.concatenate([sound, sound])
    seam = np.abs(np.diff(levels(twice, around=len(sound), windows=2)))
    inside = [
        np.abs(np.diff(levels(sound, around=place, windows=2))).max()
        for place in range(RATE // 2, len(sound) - RATE // 2, WINDOW)
    ]
    # A note is struck at the seam, as there are inside; how loud the room still is differs from one to the next.
    assert seam.max() <= max(inside) + 1.0


def test_what_rings_beyond_the_end_is_heard_at_the_beginning(cache_dir):
    notes = tuple(Note(onset, pitch, 96 - onset) for onset, pitch in ((48, 60), (72, 64), (84, 67)))
    score = Score("piano", notes, (4, 4), 2, 120.0, "C", "major")
    sound = make_loop(score=score, seed=7, cache_dir=cache_dir).sound
    seam = levels(np.concatenate([sound, sound]), around=len(sound), windows=3)
    assert seam.min() > -45
    assert np.abs(np.diff(seam)).max() < 6
    late = levels(sound, around=RATE, windows=3)
    assert late.max() < seam.min() - 20


def test_a_loop_is_the_same_each_time(cache_dir):
    first, second = (make_loop(score=scale(), seed=3, cache_dir=cache_dir).sound for _ in range(2))
    assert np.array_equal(first, second)


def test_the_last_bar_of_a_loop_is_in_tempo():
    score = song(bars=8)
    last = score.steps - score.steps_per_bar
    slowing, steady = perform(score=score, seed=7), perform(score=score, seed=7, ritardando=0.0)
    expected = LEAD_SECONDS + score.seconds_at(last)
    chords = [[note.start for note in one.notes[-5:]] for one in (slowing, steady)]
    assert all(start < expected - 0.1 for start in chords[0])
    assert all(start == pytest.approx(expected, abs=0.04) for start in chords[1])
