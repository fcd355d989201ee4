"""A recording is known again by ear, whatever was done to it on the way, and a stranger's file does no harm."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from generation.audio import fingerprint
from generation.audio.errors import NotAudio, SoundUnavailable
from generation.audio.fingerprint import (
    FEW,
    SAME_FROM,
    SECONDS_A_WORD,
    agreement,
    best_match,
    fingerprint_of,
    pack,
    says_too_little,
    unpack,
)
from tests.files import silent_wav
from tests.generation.audio.conftest import song

Make = Callable[..., Path]


@pytest.fixture(scope="session")
def piano(rendered):
    return rendered(song()).directory


@pytest.fixture(scope="session")
def guitar(rendered):
    return rendered(song(instrument="guitar")).directory


@pytest.fixture
def made(tmp_path: Path) -> Make:
    """Make an audio file with ffmpeg, by default from another one."""

    def make(name: str, source: Path | str, *options: str, begin: tuple[str, ...] = ()) -> Path:
        path = tmp_path / name
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", *begin, "-i", str(source), *options, str(path)]
        subprocess.run(command, check=True)
        return path

    return make


WAYS = {
    "itself": ("wav",),
    "MP3 64": ("mp3", "-b:a", "64k"),
    "AAC": ("m4a", "-b:a", "128k"),
    "Opus": ("webm", "-c:a", "libopus", "-b:a", "64k"),
    "AIFF, half the rate": ("aiff", "-ar", "22050"),
    "12 dB louder, clipped": ("flac", "-af", "volume=12dB"),
    "over the telephone": ("mp3", "-af", "highpass=f=300,lowpass=f=3400", "-b:a", "64k"),
    "10 s of it": ("mp3", "-ss", "7.3", "-t", "10", "-b:a", "128k"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_recording_is_known_again_among_others(piano: Path, guitar: Path, made: Make, way: str) -> None:
    suffix, *options = WAYS[way]
    stored = [(folder.name, fingerprint_of(folder / "master.flac")) for folder in (guitar, piano)]
    match = best_match(fingerprint_of(made(f"x.{suffix}", piano / "master.flac", *options)), stored)
    assert match is not None
    assert (match.key, match.share >= SAME_FROM) == (piano.name, True)
    assert match.starts_at == pytest.approx(7.3 if way == "10 s of it" else 0, abs=SECONDS_A_WORD)


def test_the_preview_with_its_spoken_tags_is_known_as_the_piece(piano: Path) -> None:
    match = best_match(
        fingerprint_of(piano / "preview.mp3"), [("piece", fingerprint_of(piano / "master.flac"))]
    )
    assert match is not None


def test_the_same_notes_on_another_instrument_are_another_recording(piano: Path, guitar: Path) -> None:
    asked, stored = (fingerprint_of(folder / "master.flac") for folder in (piano, guitar))
    assert agreement(asked, stored)[0] < SAME_FROM - 0.05
    assert best_match(asked, [("guitar", stored)]) is None


def test_a_piece_is_found_in_the_middle_of_something_longer(piano: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 1 << 32, size=(2, 1000), dtype=np.uint32)
    stored = fingerprint_of(piano / "master.flac")
    match = best_match(np.concatenate([noise[0], stored, noise[1]]), [("piece", stored)])
    assert match is not None
    assert (match.share, match.starts_at) == (pytest.approx(1), pytest.approx(-1000 * SECONDS_A_WORD))


def some_print(seed: int, *, words: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << 32, size=words, dtype=np.uint32)


def with_wrong_bits(words: np.ndarray, *, share: float) -> np.ndarray:
    wrong = np.random.default_rng(0).random((len(words), 32)) < share
    return words ^ np.packbits(wrong, axis=1).view(np.uint32)[:, 0]


@pytest.mark.parametrize("begin", [0, 130, 440])
def test_one_print_in_a_thousand_is_found_with_a_seventh_of_its_bits_wrong(begin: int) -> None:
    stored = [(seed, some_print(seed, words=500)) for seed in range(1000)]
    asked = with_wrong_bits(stored[700][1][begin : begin + 60], share=0.15)
    match = best_match(asked, stored)
    assert match is not None
    assert (match.key, match.share) == (700, pytest.approx(0.85, abs=0.03))
    assert match.starts_at == pytest.approx(begin * SECONDS_A_WORD)


def test_agreement_says_where_and_how_much() -> None:
    stored = some_print(1, words=300)
    assert agreement(stored[100:200], stored) == (pytest.approx(1), 100)
    assert agreement(stored, stored[100:200]) == (pytest.approx(1), -100)
    share, offset = agreement(with_wrong_bits(stored, share=0.1), stored)
    assert (share, offset) == (pytest.approx(0.9, abs=0.01), 0)
    assert agreement(some_print(2, words=300), stored)[0] < 0.6
    assert agreement(stored[:0], stored) == (0.0, 0)


def test_few_words_must_agree_better_than_many() -> None:
    few, many = some_print(1, words=30), some_print(2, words=100)
    for words, wrong, found in (
        (few, 0.05, True),
        (few, 0.15, False),
        (many, 0.15, True),
        (many, 0.25, False),
    ):
        match = best_match(with_wrong_bits(words, share=wrong), [("piece", words)])
        assert (match is not None) is found, (len(words), wrong)
    assert best_match(few[: FEW - 1], [("piece", few)]) is None


def test_a_tone_that_is_held_must_agree_better_than_music() -> None:
    """One word after another is the same; where 30 differ, a seventh of wrong bits is too much."""
    held = np.repeat(some_print(1, words=30), 4)
    for wrong, found in ((0.05, True), (0.15, False)):
        match = best_match(with_wrong_bits(held, share=wrong), [("piece", held)])
        assert (match is not None) is found


def test_a_print_is_stored_as_it_is() -> None:
    words = some_print(1, words=5)
    assert len(pack(words)) == 20
    assert unpack(pack(words)).tolist() == words.tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x00", "is not an audio file"),
        (b"# A text", "is not an audio file: WAV, FLAC, MP3"),
        (b"#EXTM3U\n#EXTINF:9,\n/etc/passwd\n", "is not an audio file"),
        (b"ffconcat version 1.0\nfile secret.mp3\n", "is not an audio file"),
        (b"\x7fELF" + bytes(4000), "is not an audio file"),
        (b"RIFF\xff\xff\xff\xffWAVE", "sound.mp3 cannot be read as audio: fpcalc ended"),
        (b"fLaC" + bytes(4000), "sound.mp3 cannot be read as audio: fpcalc ended"),
        (b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f\x00\x00", "sound.mp3 cannot be read as audio: fpcalc ended"),
        (b"\x00\x00\x00\x20ftypM4A " + bytes(4000), "sound.mp3 cannot be read as audio: fpcalc ended"),
        (b"OggS" * 1000, "sound.mp3 cannot be read as audio: fpcalc ended"),
    ],
)
def test_what_is_no_audio_is_refused_whatever_its_name(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "sound.mp3"
    path.write_bytes(content)
    with pytest.raises(NotAudio, match=message):
        fingerprint_of(path)


def test_a_file_may_have_any_name_and_a_tag_before_it(piano: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "-i master:flac.txt"
    renamed.write_bytes(b"ID3\x03\x00\x00\x00\x00\x00\x0a0123456789" + (piano / "master.flac").read_bytes())
    assert fingerprint_of(renamed).tolist() == fingerprint_of(piano / "master.flac").tolist()


def test_a_tag_may_be_followed_by_nothing_for_a_while(piano: Path, made: Make) -> None:
    plain = made("plain.mp3", piano / "master.flac", "-t", "12", "-id3v2_version", "0")
    padded = plain.with_name("padded.mp3")
    padded.write_bytes(b"ID3\x03\x00\x00\x00\x00\x00\x00" + bytes(300) + plain.read_bytes())
    assert agreement(fingerprint_of(padded), fingerprint_of(plain))[0] > 0.9


@pytest.mark.parametrize("suffix", ["flac", "mp3", "wav", "ogg"])
def test_half_a_file_is_known_by_what_is_there(piano: Path, made: Make, suffix: str) -> None:
    whole = made(f"whole.{suffix}", piano / "master.flac")
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert best_match(fingerprint_of(whole), [("piece", fingerprint_of(piano / "master.flac"))]) is not None


@pytest.mark.parametrize("samples", [0, 1, 8000, 240_000])
def test_a_sample_a_moment_and_silence_say_too_little(tmp_path: Path, samples: int) -> None:
    assert says_too_little(fingerprint_of(silent_wav(tmp_path / "x.wav", samples=samples)))


def test_a_hum_says_too_little(made: Make) -> None:
    assert says_too_little(fingerprint_of(made("x.wav", "sine=d=30", begin=("-f", "lavfi"))))


def test_of_two_hours_the_first_minutes_are_heard(tmp_path: Path) -> None:
    long = silent_wav(tmp_path / "x.wav", samples=7200 * 8000)
    assert len(fingerprint_of(long)) * SECONDS_A_WORD == pytest.approx(300, abs=4)
    assert len(fingerprint_of(long, seconds=60)) * SECONDS_A_WORD == pytest.approx(60, abs=4)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return silent_wav(tmp_path / "x.wav", samples=80_000)


def test_a_file_that_keeps_the_program_busy_is_given_up(
    sound: Path, program: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    program("fpcalc", "sleep 60")
    monkeypatch.setattr(fingerprint, "TIMEOUT_SECONDS", 0.3)
    began = time.monotonic()
    with pytest.raises(NotAudio, match="did not finish within"):
        fingerprint_of(sound)
    assert time.monotonic() - began < 5


def test_a_file_that_makes_the_program_greedy_is_given_up(
    sound: Path, program: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    program("fpcalc", "sleep 0.2; head -c 100000000 /dev/zero | tail >/dev/null")
    assert len(fingerprint_of(sound)) == 0
    monkeypatch.setattr(fingerprint, "MEMORY_BYTES", 48 << 20)
    with pytest.raises(NotAudio, match=r"fpcalc ended with status .*memory"):
        fingerprint_of(sound)


def test_without_the_program_its_package_is_named(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SoundUnavailable, match=r"fpcalc is missing.*libchromaprint-tools"):
        fingerprint_of(sound)
