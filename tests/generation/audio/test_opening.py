"""What is heard while the rest is in work: the beginning of the preview to be, and nothing that goes beyond it."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from generation.audio.errors import StorageFull, SynthesisFailed
from generation.audio.opening import opening_frames
from generation.audio.render import render
from generation.audio.synthesis import RATE, Synthesis
from generation.audio.voices import VOICES
from tests.generation.audio.conftest import SECRET, scale, song

FADED = RATE
"""Frames at the end of an opening in which it is not the preview's equal any more."""


def rendered_with(tmp_path, cache_dir, **hooks):
    return render(
        song(bars=11),
        directory=tmp_path / "piece",
        seed=7,
        preview_secret=SECRET,
        cache_dir=cache_dir,
        **hooks,
    )


@pytest.mark.parametrize(
    ("bpm", "metre", "pickup", "seconds"),
    [
        # Phrases of four bars that end after 10 s.
        (96.0, (4, 4), 0, 10.0),
        # No phrase ends between 8 and 10.5 s, a bar does.
        (128.0, (4, 4), 0, 9.375),
        (100.0, (4, 4), 12, 10.2),
        # Bars of 7 s, of which none ends in time.
        (34.0, (4, 4), 0, 8.0),
    ],
)
def test_an_opening_ends_with_a_phrase_or_a_bar_within_8_to_12_seconds(bpm, metre, pickup, seconds):
    even = replace(song(), bpm=bpm, metre=metre, pickup=pickup, notes=())
    assert opening_frames(even) == pytest.approx((0.1 + seconds) * RATE, abs=1)


def test_a_short_piece_needs_no_opening(tmp_path, cache_dir):
    assert opening_frames(replace(song(), bars=10)) is None
    called = []
    render(
        scale(),
        directory=tmp_path,
        seed=1,
        preview_secret=SECRET,
        cache_dir=cache_dir,
        on_opening=lambda: called.append("opening"),
        meanwhile=lambda: called.append("meanwhile"),
    )
    assert called == ["meanwhile"]
    assert not (tmp_path / "opening.mp3").exists()


def test_the_opening_is_the_beginning_of_the_preview(rendered):
    piece = rendered(song())
    opening, preview = piece.opening, piece.preview
    information = soundfile.info(piece.directory / "opening.mp3")
    assert (information.format, information.channels, information.samplerate) == ("MP3", 1, RATE)
    assert len(opening) == pytest.approx(opening_frames(piece.score), abs=1152)
    same = len(opening) - FADED
    gain = float(opening[:same] @ preview[:same] / (preview[:same] @ preview[:same]))
    assert abs(20 * np.log10(gain)) < 1.5
    rest = opening[:same] - gain * preview[:same]
    # Tags of another place, sound or level would leave as much as the music.
    assert np.sum(rest**2) < 10 ** (-30 / 10) * np.sum(opening[:same] ** 2)
    assert np.abs(opening[-RATE // 100 :]).max() < 10 ** (-40 / 20)


def test_a_preview_is_the_same_whether_or_not_its_opening_was_heard(rendered, tmp_path, cache_dir):
    piece = rendered(song())
    render(piece.score, directory=tmp_path, seed=7, preview_secret=SECRET, cache_dir=cache_dir)
    assert not (tmp_path / "opening.mp3").exists()
    for name in ("preview.mp3", "master.flac"):
        assert (tmp_path / name).read_bytes() == (piece.directory / name).read_bytes()


def test_the_opening_is_there_before_everything_else(tmp_path, cache_dir):
    seen = []

    def look(moment):
        seen.append((moment, sorted(path.name for path in (tmp_path / "piece").glob("[!.]*"))))

    rendered_with(
        tmp_path, cache_dir, on_opening=lambda: look("opening"), meanwhile=lambda: look("meanwhile")
    )
    assert seen == [("opening", ["opening.mp3"]), ("meanwhile", ["opening.mp3"])]
    assert sorted(path.name for path in (tmp_path / "piece").iterdir()) == [
        "master.flac",
        "opening.mp3",
        "performance.mid",
        "preview.mp3",
    ]


@pytest.mark.parametrize("moment", ["on_opening", "meanwhile"])
def test_an_opening_goes_when_the_piece_fails(tmp_path, cache_dir, moment):
    def fail():
        assert (tmp_path / "piece" / "opening.mp3").exists()
        raise InterruptedError

    hooks = {"on_opening": lambda: None} | {moment: fail}
    with pytest.raises(InterruptedError):
        rendered_with(tmp_path, cache_dir, **hooks)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named_while_the_opening_is_encoded(tmp_path, cache_dir, program):
    program("lame", "echo 'Error writing mp3 output' >&2; exit 1")
    with pytest.raises(StorageFull, match="lame found no space left"):
        rendered_with(tmp_path, cache_dir, on_opening=pytest.fail)
    assert not (tmp_path / "piece").exists()


def test_no_opening_is_made_of_a_sound_that_breaks_off(tmp_path, cache_dir, program):
    program("fluidsynth", "head -c 4000000 /dev/urandom")
    with pytest.raises(SynthesisFailed, match=r"gave 11\.3 s of sound for a piece of"):
        rendered_with(tmp_path, cache_dir, on_opening=pytest.fail)
    assert not (tmp_path / "piece").exists()


def test_the_house_mark_goes_into_master_preview_and_opening(rendered, tmp_path, cache_dir):
    given = []

    def upside_down(sound):
        given.append(sound.copy())
        return -sound

    rendered_with(tmp_path, cache_dir, mark=upside_down, on_opening=lambda: None)
    plain = rendered(song(bars=11))
    opening, whole = given
    settled = opening_frames(plain.score)
    assert np.array_equal(opening[:settled], whole[:settled])
    for name in ("opening.mp3", "preview.mp3", "master.flac"):
        marked = soundfile.read(tmp_path / "piece" / name, dtype="float32")[0].ravel()[: 4 * RATE]
        unmarked = soundfile.read(plain.directory / name, dtype="float32")[0].ravel()[: 4 * RATE]
        correlation = np.corrcoef(marked, unmarked)[0, 1]
        # The spoken tag is not turned over.
        assert correlation < (-0.99 if name == "master.flac" else -0.2), name


def test_a_synthesizer_that_hangs_is_ended_when_nobody_waits_any_more(tmp_path, cache_dir, program):
    program("fluidsynth", "exec sleep 60")
    reports = []

    def stop(fraction):
        reports.append(fraction)
        if len(reports) == 3:
            raise InterruptedError

    midi = tmp_path / "piece.mid"
    began = time.monotonic()
    with (
        pytest.raises(InterruptedError),
        Synthesis(
            midi=midi, voice=VOICES["piano"], seconds=30.0, cache_dir=cache_dir, progress=stop
        ) as synthesis,
    ):
        synthesis.whole()
    assert reports == [0.0, 0.0, 0.0]
    assert time.monotonic() - began < 20
