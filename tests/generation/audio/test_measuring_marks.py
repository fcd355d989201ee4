"""The measurements of marks and tags tell good from bad."""

from __future__ import annotations

import numpy as np
import pytest

from generation.audio.evaluation.attack import attack, targets
from generation.audio.evaluation.intelligibility import stoi
from generation.audio.evaluation.manipulations import all_manipulations
from generation.audio.evaluation.marks import wilson
from generation.audio.evaluation.tag import measure, mixed, mixed_with_constant_tag
from generation.audio.evaluation.transparency import compare
from generation.audio.marks.align import align
from generation.audio.preview import Tagging
from generation.audio.synthesis import RATE
from generation.audio.tags import Phrase, speak


def noise(seconds: float, *, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(int(seconds * RATE)).astype(np.float32)


def tune(seconds: float) -> np.ndarray:
    moments = np.arange(int(seconds * RATE)) / RATE
    steps = 220 * 2 ** (np.floor(moments * 4) % 7 / 12)
    phase = 2 * np.pi * np.cumsum(steps) / RATE
    return (0.1 * (np.sin(phase) + 0.5 * np.sin(3 * phase))).astype(np.float32)


def test_noise_beside_a_tone_is_above_the_mask_and_the_same_power_under_it_is_not():
    tone = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE).astype(np.float32)
    beside = compare(reference=tone, sound=tone + 0.001 * noise(2))
    under = compare(reference=tone, sound=1.003 * tone)
    assert beside.nmr_db > 0 > under.nmr_db
    assert beside.disturbed == 1.0
    assert under.disturbed == 0.0
    assert under.segmental_snr_db == pytest.approx(20 * np.log10(1 / 0.003), abs=0.1)


def test_sounds_of_two_lengths_cannot_be_compared():
    with pytest.raises(ValueError, match="one shape"):
        compare(reference=noise(1), sound=noise(0.9))


def test_speech_is_the_less_intelligible_the_louder_the_noise(tmp_path):
    speech = speak(phrase=Phrase("solo score preview", "en-us", 165, 46), cache_dir=tmp_path)
    disturbance = noise(len(speech) / RATE + 1)[: len(speech)]
    clear, middling, bad = (stoi(clean=speech, heard=speech + level * disturbance) for level in (0, 0.1, 3))
    assert clear == pytest.approx(1)
    assert clear > middling > bad
    assert bad < 0.5


def test_constant_tag_is_taken_out_and_a_varied_one_is_not(tmp_path):
    tagging = Tagging(secret=b"kept by the shop", identity=b"piece", cache_dir=tmp_path)
    varied = mixed(tune(14), tagging=tagging)
    constant = mixed_with_constant_tag(tune(14), tagging=tagging, cache_dir=tmp_path)
    assert all(0 < tag.over_db < 10 for tag in measure(varied))
    left = {
        name: np.mean(
            [one.residual_db for one in attack("matched filter", targets([mix]), cache_dir=tmp_path)]
        )
        for name, mix in (("varied", varied), ("constant", constant))
    }
    assert left["varied"] > -3
    assert left["constant"] < -10


def test_tag_over_a_rest_is_not_far_above_the_music(tmp_path):
    music = tune(14)
    music[6 * RATE :] *= 0.02
    tagging = Tagging(secret=b"kept by the shop", identity=b"piece", cache_dir=tmp_path)
    assert all(tag.over_db < 10 for tag in measure(mixed(music, tagging=tagging)))


def test_every_manipulation_gives_a_sound_that_is_still_this_one(tmp_path):
    sound = np.repeat(tune(6)[:, None], 2, axis=1) * np.float32(0.8)
    for name, manipulate in all_manipulations(cache_dir=tmp_path).items():
        changed = manipulate(sound, tmp_path)
        assert changed.shape[1] == 2, name
        assert abs(len(changed) - len(sound)) <= 3 * RATE + 2048, name
        assert align(excerpt=changed.mean(axis=1), master=sound.mean(axis=1)).likeness > 0.3, name


def test_excerpt_is_found_where_it_comes_from_and_not_at_a_louder_place_like_it():
    music = np.concatenate([tune(4), 3 * tune(4) + 0.003 * noise(4), tune(2)])
    music[: 4 * RATE] += 0.003 * noise(4, seed=2)
    place = align(excerpt=music[RATE + 5 : 3 * RATE], master=music)
    assert place.lag == RATE + 5
    assert place.likeness == pytest.approx(1, abs=1e-3)


def test_interval_of_a_rate():
    low, high = wilson(98, 100)
    assert (round(low, 3), round(high, 3)) == (0.930, 0.994)
    assert wilson(0, 0) == (0.0, 1.0)
