from __future__ import annotations

import re
import subprocess

import numpy as np
import pytest
import soundfile

from generation.audio.levels import loudness
from generation.audio.performance import perform
from generation.audio.render import render
from generation.audio.synthesis import RATE
from tests.generation.audio.conftest import SECRET, scale, song

FILES = ("performance.mid", "master.flac", "preview.mp3")


def ffmpeg_levels(path):
    """Loudness (LUFS) and true peak (dBTP) as another program measures them."""
    command = [
        "ffmpeg",
        "-nostats",
        "-hide_banner",
        "-i",
        path,
        "-af",
        "ebur128=peak=true",
        "-f",
        "null",
        "-",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    summary = said[said.rindex("Summary:") :]
    return tuple(float(re.search(rf"{name}:\s+(-?[\d.]+)", summary)[1]) for name in ("I", "Peak"))


@pytest.fixture(scope="module", params=["piano", "guitar"])
def piece(request, rendered):
    return rendered(song(instrument=request.param))


def test_the_piece_lasts_as_long_as_it_is_notated(piece):
    assert piece.score.seconds == 30.0
    assert 30.0 < piece.rendering.seconds < 33.0
    assert len(piece.master) == round(piece.rendering.seconds * RATE)


def test_the_master_is_24_bit_stereo(piece):
    information = soundfile.info(piece.directory / "master.flac")
    assert (information.subtype, information.channels, information.samplerate) == ("PCM_24", 2, RATE)


def test_loudness_and_true_peak_hold_on_another_meter(piece):
    lufs, peak = ffmpeg_levels(piece.directory / "master.flac")
    assert lufs == pytest.approx(-14.0, abs=0.3)
    assert peak <= -1.15
    assert piece.rendering.loudness_lufs == pytest.approx(lufs, abs=0.15)
    assert piece.rendering.true_peak_dbtp == pytest.approx(peak, abs=0.15)


def test_nothing_clips(piece):
    assert np.abs(piece.master).max() < 0.9
    assert np.abs(piece.preview).max() < 0.99


def test_the_last_sound_dies_away_before_the_file_ends(piece):
    for sound in (piece.master, piece.preview):
        assert np.abs(sound[-RATE // 100 :]).max() < 10 ** (-70 / 20)
        steps = [np.sqrt(np.mean(np.square(part))) for part in np.array_split(sound[-RATE:], 4)]
        assert steps == sorted(steps, reverse=True)


def test_both_sides_sound_and_differ(piece):
    left, right = piece.master.T
    correlation = np.corrcoef(left, right)[0, 1]
    assert 0.0 < correlation < 0.99


def test_each_note_is_heard_where_the_score_has_it(rendered):
    piece = rendered(scale())
    sound = piece.master.mean(axis=1)
    for note in perform(score=piece.score, seed=7).notes:
        frequency = 440 * 2 ** ((note.pitch - 69) / 12)
        turning = np.exp(-2j * np.pi * frequency * np.arange(RATE // 20) / RATE)
        before, after = (
            np.abs(np.dot(sound[first : first + len(turning)], turning))
            for first in (int((note.start - 0.06) * RATE), int((note.start + 0.02) * RATE))
        )
        assert after > 4 * before


def test_a_second_render_gives_the_same_bytes(piece, tmp_path, cache_dir):
    again = render(piece.score, directory=tmp_path, seed=7, preview_secret=SECRET, cache_dir=cache_dir)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (piece.directory / name).read_bytes()
    assert again == piece.rendering


def test_only_the_three_files_appear_and_progress_rises_to_one(tmp_path, cache_dir):
    seen = []
    rendering = render(
        scale(), directory=tmp_path, seed=1, preview_secret=SECRET, cache_dir=cache_dir, progress=seen.append
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    assert set(rendering.timings) == {
        "performance",
        "tags",
        "synthesis",
        "room",
        "mastering",
        "master_file",
        "preview_mix",
        "preview",
        "drawing",
    }


@pytest.mark.parametrize("limit", [0.0, 0.2, 0.7, 1.0])
def test_a_cancelled_render_leaves_nothing(tmp_path, cache_dir, limit):
    def stop(fraction):
        if fraction >= limit:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        render(
            scale(),
            directory=tmp_path / "new",
            seed=1,
            preview_secret=SECRET,
            cache_dir=cache_dir,
            progress=stop,
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "instrument",
    ["harpsichord", "organ", "violin", "viola", "cello", "flute", "harp", "vibraphone", "marimba"],
)
def test_the_other_voices_sound_too(tmp_path, cache_dir, instrument):
    score = scale(instrument=instrument, bpm=240)
    rendering = render(score, directory=tmp_path, seed=1, preview_secret=SECRET, cache_dir=cache_dir)
    assert rendering.loudness_lufs == pytest.approx(-14.0, abs=0.3)
    assert rendering.true_peak_dbtp <= -1.2


def test_the_preview_lasts_as_long_as_the_master_in_mono(piece):
    information = soundfile.info(piece.directory / "preview.mp3")
    assert (information.format, information.channels, information.samplerate) == ("MP3", 1, RATE)
    assert len(piece.preview) == pytest.approx(len(piece.master), abs=1152)
    assert (piece.directory / "preview.mp3").stat().st_size == pytest.approx(
        piece.rendering.seconds * 96_000 / 8, rel=0.02
    )
    assert loudness(sound=piece.preview, rate=RATE) == pytest.approx(-19.0, abs=1.8)


def test_peaks_are_those_of_the_served_preview(piece):
    peaks = np.array(piece.rendering.peaks).reshape(-1, 2)
    assert len(peaks) == 800
    assert np.abs(peaks).max() == 127
    assert (peaks[:, 0] <= peaks[:, 1]).all()
    sound = np.abs(piece.preview)
    assert np.abs(peaks).max(axis=1).argmax() == pytest.approx(sound.argmax() * 800 // len(sound), abs=1)


def test_the_drawing_does_not_give_the_notes_away(piece):
    roll = piece.rendering.roll
    assert all(column >= 0 and row >= 0 and columns >= 1 for column, row, columns in roll)
    assert max(column + columns for column, _, columns in roll) == piece.score.steps // 6
    assert len(roll) < len(piece.score.notes)
    moved = song(instrument=piece.score.instrument)
    assert max(row for _, row, _ in roll) <= (max(n.pitch for n in moved.notes) - 41) // 3 + 1
