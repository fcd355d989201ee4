from __future__ import annotations

import numpy as np
import pytest
import soundfile

from generation.audio import tags
from generation.audio.certificates import make_credentials, root_of
from generation.audio.errors import SynthesisFailed
from generation.audio.labels import AI_SOURCE_TYPE
from generation.audio.levels import loudness
from generation.audio.preview import PEAK_DB, Tagging, spoken_tags, tagged_mix, write_preview
from generation.audio.provenance import Signer
from generation.audio.synthesis import RATE
from tests.generation.audio.c2pa_by_hand import validate
from tests.generation.audio.conftest import SECRET, song


@pytest.fixture(scope="module")
def music(rendered):
    return rendered(song()).master.mean(axis=1)


def mix_of(music, cache_dir, identity=b"piece 1", secret=SECRET, before=None):
    spoken = spoken_tags(
        tagging=Tagging(secret=secret, identity=identity, cache_dir=cache_dir),
        before=len(music) / RATE - 2.5 if before is None else before,
    )
    return tagged_mix(music=music.copy(), spoken=spoken, gain_db=-6.0)


def test_the_first_tag_comes_within_four_seconds_and_the_others_every_eight_to_twelve(music, cache_dir):
    for piece in range(6):
        starts = [tag.start_ms / 1000 for tag in mix_of(music, cache_dir, identity=b"%d" % piece).tags]
        assert starts[0] < 4.0
        assert all(7.5 < gap < 12.5 for gap in np.diff(starts))
        assert len(starts) >= 3
        assert len(music) / RATE - starts[-1] < 13


def test_tags_differ_from_piece_to_piece_and_not_from_time_to_time(music, cache_dir):
    one, again, other, guessed = (
        mix_of(music, cache_dir, identity=identity, secret=secret)
        for identity, secret in ((b"1", SECRET), (b"1", SECRET), (b"2", SECRET), (b"1", b"guess"))
    )
    places = [tuple(tag.start_ms for tag in mix.tags) for mix in (one, again, other, guessed)]
    assert places[0] == places[1]
    assert [tag.phrase for tag in one.tags] == [tag.phrase for tag in again.tags]
    assert len(set(places)) == 3
    assert len({tag.phrase for mix in (one, other, guessed) for tag in mix.tags}) > 5


def test_the_encoded_preview_carries_each_tag_at_its_full_strength(music, cache_dir, tmp_path):
    tagging = Tagging(secret=SECRET, identity=b"piece 1", cache_dir=cache_dir)
    write_preview(music=music.copy(), path=tmp_path / "preview.mp3", tagging=tagging)
    heard, _ = soundfile.read(tmp_path / "preview.mp3", dtype="float32")
    mix = tagged_mix(
        music=music.copy(),
        spoken=spoken_tags(tagging=tagging, before=len(music) / RATE - 2.5),
        gain_db=-19.0 - loudness(sound=music, rate=RATE),
    )
    for tag in mix.tags:
        under = mix.music[tag.first : tag.first + len(tag.sound)]
        here = heard[tag.first : tag.first + len(tag.sound)]
        share = np.linalg.lstsq(np.stack([under, tag.sound], axis=1), here, rcond=None)[0]
        assert share == pytest.approx([1.0, 1.0], abs=0.1)
        # Plainly audible: the voice is at least about as strong as the music left under it.
        assert np.sqrt(np.mean(tag.sound**2)) > 0.8 * np.sqrt(np.mean(under**2))
    assert [path.name for path in tmp_path.iterdir()] == ["preview.mp3"]


def test_the_mix_keeps_below_full_scale_whatever_the_music(cache_dir):
    noise = np.random.default_rng(1).uniform(-3, 3, 12 * RATE).astype(np.float32)
    mix = mix_of(noise, cache_dir)
    total = mix.music.copy()
    for tag in mix.tags:
        total[tag.first : tag.first + len(tag.sound)] += tag.sound
    assert 0.5 < np.abs(total).max() <= 10 ** (PEAK_DB / 20) + 1e-6


def test_even_a_very_short_piece_is_tagged(music, cache_dir):
    assert len(mix_of(music[: RATE * 2], cache_dir).tags) == 1


def test_the_mix_of_a_beginning_is_the_beginning_of_the_mix(music, cache_dir):
    beginning = mix_of(music[: 20 * RATE], cache_dir, before=16.0)
    whole = mix_of(music, cache_dir)
    settled = 19 * RATE
    assert len(beginning.tags) < len(whole.tags)
    for early, late in zip(beginning.tags, whole.tags, strict=False):
        assert (early.start_ms, early.phrase) == (late.start_ms, late.phrase)
        assert np.array_equal(early.sound, late.sound)
    apart = whole.tags[len(beginning.tags)].first - RATE
    assert np.array_equal(beginning.music[: min(settled, apart)], whole.music[: min(settled, apart)])


def test_silence_has_no_preview(cache_dir, tmp_path):
    tagging = Tagging(secret=SECRET, identity=b"silence", cache_dir=cache_dir)
    with pytest.raises(SynthesisFailed, match="too quiet"):
        write_preview(
            music=np.zeros(5 * RATE, dtype=np.float32), path=tmp_path / "preview.mp3", tagging=tagging
        )
    assert list(tmp_path.iterdir()) == []


def test_a_phrase_is_spoken_once_and_then_read_from_the_cache(tmp_path, program):
    phrase = tags.Phrase(words="solo score preview", voice="en-us", speed=165, pitch=46)
    first = tags.speak(phrase=phrase, cache_dir=tmp_path)
    program("espeak-ng", "exit 1")
    assert np.array_equal(tags.speak(phrase=phrase, cache_dir=tmp_path), first)
    assert 0.4 < len(first) / RATE < 3
    assert np.abs(first).max() == pytest.approx(1.0)


def test_a_signed_preview_says_that_a_machine_made_it_and_sounds_the_same(cache_dir, tmp_path):
    noise = np.random.default_rng(3).normal(0, 0.1, RATE * 4).astype(np.float32)
    tagging = Tagging(secret=SECRET, identity=b"1", cache_dir=cache_dir)
    pair = make_credentials(organisation="Soloscore")
    for name, signer in (("plain.mp3", None), ("signed.mp3", Signer(credentials=pair, composer="piano-1"))):
        write_preview(music=noise.copy(), path=tmp_path / name, tagging=tagging, signer=signer)
    said = validate((tmp_path / "signed.mp3").read_bytes(), root=root_of(pair.chain))
    assert said.created["digitalSourceType"] == AI_SOURCE_TYPE
    assert "not for use" in said.metadata["dc:description"]
    plain, signed = (soundfile.read(tmp_path / name)[0] for name in ("plain.mp3", "signed.mp3"))
    assert np.array_equal(plain, signed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain.mp3", "signed.mp3"]
