from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyloudnorm
import pytest

from generation.audio.errors import SynthesisFailed
from generation.audio.levels import decibels, loudness, true_peaks
from generation.audio.master import ended, in_room, master
from generation.audio.room import whole_blocks
from generation.audio.soundfont import cut_out
from generation.audio.synthesis import RATE, Synthesis
from generation.audio.voices import VOICES, find_font
from tests.generation.audio.conftest import scale


@pytest.fixture
def clicks():
    """Noise with sharp clicks: only a limiter can bring it to -14 LUFS."""
    random = np.random.default_rng(5)
    sound = random.standard_normal((6 * RATE, 2)).astype(np.float32) * 0.1
    sound[:: RATE // 3] += 0.9
    return sound


def finished(sound):
    placed = in_room(sound=sound, rate=RATE, voice=replace(VOICES["piano"], room=0.1))
    return master(sound=ended(sound=placed, rate=RATE, music_seconds=6.0), rate=RATE)


def test_the_limiter_holds_the_ceiling_and_the_loudness(clicks):
    result = finished(clicks)
    assert result.loudness_lufs == pytest.approx(-14.0, abs=0.06)
    assert result.loudness_lufs == pytest.approx(
        pyloudnorm.Meter(RATE).integrated_loudness(result.sound), abs=0.01
    )
    assert result.true_peak_dbtp == pytest.approx(
        decibels(float(true_peaks(sound=result.sound).max())), abs=1e-3
    )


def test_room_is_left_for_the_mark_of_a_sold_copy(clicks):
    assert finished(clicks).true_peak_dbtp == pytest.approx(-1.25, abs=1e-3)


@pytest.mark.parametrize("channels", [1, 2])
def test_the_meter_agrees_with_another_one(clicks, channels):
    # Loud and soft parts, so that both gates have something to leave out.
    sound = clicks[:, :channels] * np.repeat([0.3, 0.01, 0.8, 0.0, 0.1, 0.5], RATE)[:, None].astype(
        np.float32
    )
    assert loudness(sound=sound, rate=RATE) == pytest.approx(
        pyloudnorm.Meter(RATE).integrated_loudness(sound), abs=1e-3
    )


def test_whole_blocks_of_a_beginning_are_placed_as_in_the_whole(clicks):
    frames = whole_blocks(RATE)
    assert RATE <= frames < len(clicks)
    beginning = in_room(sound=clicks[:frames], rate=RATE, voice=replace(VOICES["piano"], room=0.2))
    assert np.array_equal(
        beginning[:frames],
        in_room(sound=clicks, rate=RATE, voice=replace(VOICES["piano"], room=0.2))[:frames],
    )


def test_mastering_is_the_same_to_the_bit_each_time(clicks):
    assert np.array_equal(finished(clicks).sound, finished(clicks).sound)


def test_a_constant_offset_is_taken_out(clicks):
    assert abs(float(finished(clicks + np.float32(0.1)).sound[RATE : 5 * RATE].mean())) < 1e-3


def test_a_true_peak_between_the_samples_is_found():
    # Source: ITU-R BS.1770-4, Annex 2: a quarter of the sampling rate, 45 degrees off, reads 3 dB low.
    wave = np.sin(2 * np.pi * np.arange(RATE) / 4 + np.pi / 4).astype(np.float32)[:, np.newaxis]
    wave *= np.hanning(RATE)[:, np.newaxis].astype(np.float32)
    assert np.abs(wave).max() == pytest.approx(0.7071, abs=1e-3)
    assert true_peaks(sound=wave).max() == pytest.approx(1.0, abs=0.01)


def test_silence_cannot_be_mastered():
    with pytest.raises(SynthesisFailed, match="too quiet"):
        finished(np.zeros((6 * RATE, 2), dtype=np.float32))


def dry(midi, *, voice, cache_dir):
    with Synthesis(midi=midi, voice=voice, seconds=4.0, cache_dir=cache_dir) as synthesis:
        return synthesis.whole()


def of_cut_out_and_whole_font(slug, *, rendered, cache_dir, monkeypatch):
    midi = rendered(scale(instrument=slug)).directory / "performance.mid"
    small = dry(midi, voice=VOICES[slug], cache_dir=cache_dir)
    monkeypatch.setattr("generation.audio.synthesis.prepare_font", lambda **_: find_font())
    return small, dry(midi, voice=VOICES[slug], cache_dir=cache_dir)


def test_the_cut_out_sounds_like_the_whole_font(rendered, cache_dir, monkeypatch):
    small, whole = of_cut_out_and_whole_font(
        "guitar", rendered=rendered, cache_dir=cache_dir, monkeypatch=monkeypatch
    )
    assert small.shape == whole.shape
    assert np.abs(small - whole).max() < 1e-5 * np.abs(whole).max()


def test_without_its_slow_layer_the_piano_is_hardly_softer(rendered, cache_dir, monkeypatch):
    small, whole = of_cut_out_and_whole_font(
        "piano", rendered=rendered, cache_dir=cache_dir, monkeypatch=monkeypatch
    )
    tenths = slice(0, 4 * RATE)
    levels = [np.square(each[tenths]).reshape(40, -1).mean(axis=1) for each in (small, whole)]
    change = np.abs(10 * np.log10(levels[0][2:] / levels[1][2:]))
    assert np.median(change) < 0.6
    assert change.max() < 2.0


def test_a_preset_that_a_font_lacks_is_named(tmp_path):
    with pytest.raises(SynthesisFailed, match="has no preset 77:0"):
        cut_out(source=find_font(), bank=77, program=0, target=tmp_path / "cut.sf2")
    assert list(tmp_path.iterdir()) == []
