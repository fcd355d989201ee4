from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from generation.audio.errors import NotAudio
from generation.audio.files import encode_mp3
from generation.audio.hearing import read_sound
from generation.audio.labels import Labels
from generation.audio.marks import copy, house
from generation.audio.synthesis import RATE

SECRET, WORK = b"kept by the shop", b"work"


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    """Thirty seconds of decaying chords, shape (frames, 2)."""
    random = np.random.default_rng(5)
    moments = np.arange(2 * RATE) / RATE
    sound = np.zeros((32 * RATE, 2), dtype=np.float32)
    for start in range(0, 30 * RATE, RATE // 4):
        tone = 110 * 2 ** (random.integers(0, 36) / 12)
        note = sum(np.sin(2 * np.pi * tone * partial * moments) / partial for partial in range(1, 20))
        note = note * np.exp(-3 * moments) + random.normal(0, 0.02, len(moments)) * np.exp(-20 * moments)
        sound[start : start + len(note)] += 0.06 * np.outer(note, random.uniform(0.6, 1, 2)).astype(
            np.float32
        )
    return sound[: 30 * RATE]


def as_mp3(sound: np.ndarray, folder: Path, *, kilobits: int) -> np.ndarray:
    soundfile.write(folder / "sound.wav", sound, RATE, subtype="PCM_24")
    encode_mp3(source=folder / "sound.wav", path=folder / "sound.mp3", kilobits=kilobits, labels=Labels())
    return read_sound(folder / "sound.mp3")[0]


def test_the_house_mark_is_heard_through_mp3_with_the_right_secret_alone(music, tmp_path):
    marked = house.embed(music, secret=SECRET, work=WORK)
    assert marked.shape == music.shape
    assert marked.dtype == np.float32
    assert np.array_equal(marked, house.embed(music, secret=SECRET, work=WORK))
    heard = as_mp3(marked, tmp_path, kilobits=64)
    assert house.hear(heard, secret=SECRET).found
    assert not house.hear(heard, secret=b"another").found
    assert not house.hear(music, secret=SECRET).found


def test_the_mark_of_a_beginning_is_the_beginning_of_the_mark(music):
    beginning = house.embed(music[: 10 * RATE], secret=SECRET, work=WORK)
    assert np.array_equal(beginning[: 9 * RATE], house.embed(music, secret=SECRET, work=WORK)[: 9 * RATE])


def test_a_copy_names_its_sale_from_ten_seconds_of_mp3(music, tmp_path):
    sold = copy.embed(music, secret=SECRET, work=WORK, sale=b"sale 7")
    excerpt = as_mp3(sold, tmp_path, kilobits=128)[12 * RATE : 22 * RATE]
    sales = [b"sale %d" % number for number in range(200)]
    assert copy.whose(excerpt, master=music, secret=SECRET, work=WORK, sales=sales).named == (b"sale 7",)
    clean = as_mp3(music, tmp_path, kilobits=128)
    assert copy.whose(clean, master=music, secret=SECRET, work=WORK, sales=sales).named == ()


def test_buyers_who_average_their_copies_are_all_named(music):
    guilty = [b"sale %d" % number for number in (3, 50, 120)]
    mixed = np.mean([copy.embed(music, secret=SECRET, work=WORK, sale=one) for one in guilty], axis=0)
    sales = [b"sale %d" % number for number in range(200)]
    verdict = copy.whose(mixed.astype(np.float32), master=music, secret=SECRET, work=WORK, sales=sales)
    assert sorted(verdict.named) == sorted(guilty)


@pytest.mark.parametrize("frames", [0, 1, 700, 5000])
def test_short_and_silent_sounds_carry_nothing(frames):
    silence = np.zeros((frames, 2), dtype=np.float32)
    assert np.array_equal(house.embed(silence, secret=SECRET, work=WORK), silence)
    assert not house.hear(silence, secret=SECRET).found
    assert copy.whose(silence, master=silence, secret=SECRET, work=WORK, sales=[b"1"]).named == ()


@pytest.mark.parametrize("content", [b"", b"words, no sound" * 50, b"RIFF\0\0\0\0WAVEfmt "])
def test_what_is_no_sound_is_refused_by_name(content, tmp_path):
    (tmp_path / "song.mp3").write_bytes(content)
    with pytest.raises(NotAudio, match=r"song\.mp3"):
        read_sound(tmp_path / "song.mp3")


def test_of_a_truncated_file_what_is_there_is_read(music, tmp_path):
    as_mp3(music, tmp_path, kilobits=64)
    whole = (tmp_path / "sound.mp3").read_bytes()
    (tmp_path / "half.mp3").write_bytes(whole[: len(whole) // 2])
    assert 13 * RATE < len(read_sound(tmp_path / "half.mp3")[0]) < 17 * RATE
