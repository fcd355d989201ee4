from __future__ import annotations

import numpy as np
import pytest
import soundfile

from generation.audio import tags
from generation.audio.certificates import make_credentials, root_of
from generation.audio.labels import AI_SOURCE_TYPE
from generation.audio.preview import PEAK, preview_random, tagged_mix, write_preview
from generation.audio.provenance import Signer
from generation.audio.synthesis import RATE
from tests.generation.audio.c2pa_by_hand import validate
from tests.generation.audio.conftest import SECRET, scale, song


@pytest.fixture(scope="module")
def sound(rendered):
    return rendered(song()).master


def mix_of(sound, cache_dir, identity=b"piece 1", secret=SECRET):
    random = preview_random(secret=secret, identity=identity)
    return tagged_mix(sound=sound, random=random, cache_dir=cache_dir, shop="solo score")


def test_the_first_tag_comes_within_four_seconds_and_the_others_every_eight_to_twelve(sound, cache_dir):
    for piece in range(6):
        starts = [tag.start_ms / 1000 for tag in mix_of(sound, cache_dir, identity=b"%d" % piece).tags]
        assert starts[0] < 4.0
        assert all(7.5 < gap < 12.5 for gap in np.diff(starts))
        assert len(starts) >= 3
        assert len(sound) / RATE - starts[-1] < 13


def test_tags_differ_from_piece_to_piece_and_not_from_time_to_time(sound, cache_dir):
    one, again, other, guessed = (
        mix_of(sound, cache_dir, identity=identity, secret=secret)
        for identity, secret in ((b"1", SECRET), (b"1", SECRET), (b"2", SECRET), (b"1", b"guess"))
    )
    places = [tuple(tag.start_ms for tag in mix.tags) for mix in (one, again, other, guessed)]
    assert places[0] == places[1]
    assert [tag.phrase for tag in one.tags] == [tag.phrase for tag in again.tags]
    assert len(set(places)) == 3
    assert len({tag.phrase for mix in (one, other, guessed) for tag in mix.tags}) > 5


def test_the_encoded_preview_carries_each_tag_at_its_full_strength(sound, cache_dir, tmp_path):
    write_preview(
        sound=sound, path=tmp_path / "preview.mp3", secret=SECRET, identity=b"piece 1", cache_dir=cache_dir
    )
    heard, _ = soundfile.read(tmp_path / "preview.mp3", dtype="float32")
    mix = mix_of(sound, cache_dir)
    for tag in mix.tags:
        under = mix.music[tag.first : tag.first + len(tag.sound)]
        here = heard[tag.first : tag.first + len(tag.sound)]
        share = np.linalg.lstsq(np.stack([under, tag.sound], axis=1), here, rcond=None)[0]
        assert share == pytest.approx([1.0, 1.0], abs=0.1)
        # Plainly audible: the voice is at least about as strong as the music left under it.
        assert np.sqrt(np.mean(tag.sound**2)) > 0.8 * np.sqrt(np.mean(under**2))
    assert [path.name for path in tmp_path.iterdir()] == ["preview.mp3"]


def test_the_mix_keeps_below_full_scale_whatever_the_music(cache_dir):
    random = np.random.default_rng(1)
    noise = random.uniform(-1, 1, (12 * RATE, 2)).astype(np.float32)
    mix = mix_of(noise, cache_dir)
    total = mix.music.copy()
    for tag in mix.tags:
        total[tag.first : tag.first + len(tag.sound)] += tag.sound
    assert np.abs(total).max() <= PEAK + 1e-6


def test_even_a_very_short_piece_is_tagged(cache_dir, rendered):
    sound = rendered(scale()).master[: RATE * 2]
    assert len(mix_of(sound, cache_dir).tags) == 1


def test_a_phrase_is_spoken_once_and_then_read_from_the_cache(tmp_path, program):
    phrase = tags.Phrase(words="solo score preview", voice="en-us", speed=165, pitch=46)
    first = tags.speak(phrase=phrase, cache_dir=tmp_path)
    program("espeak-ng", "exit 1")
    assert np.array_equal(tags.speak(phrase=phrase, cache_dir=tmp_path), first)
    assert 0.4 < len(first) / RATE < 3
    assert np.abs(first).max() == pytest.approx(1.0)


def test_a_signed_preview_says_that_a_machine_made_it_and_sounds_the_same(cache_dir, tmp_path):
    noise = np.random.default_rng(3).normal(0, 0.1, (RATE * 4, 2)).astype(np.float32)
    pair = make_credentials(organisation="Soloscore")
    for name, signer in (("plain.mp3", None), ("signed.mp3", Signer(credentials=pair, composer="piano-1"))):
        write_preview(
            sound=noise,
            path=tmp_path / name,
            secret=SECRET,
            identity=b"1",
            cache_dir=cache_dir,
            signer=signer,
        )
    said = validate((tmp_path / "signed.mp3").read_bytes(), root=root_of(pair.chain))
    assert said.created["digitalSourceType"] == AI_SOURCE_TYPE
    assert "not for use" in said.metadata["dc:description"]
    plain, signed = (soundfile.read(tmp_path / name)[0] for name in ("plain.mp3", "signed.mp3"))
    assert np.array_equal(plain, signed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain.mp3", "signed.mp3"]
