"""The spoken tag in its place: how loud it is against the music there, and whether it can be understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from generation.audio import tags
from generation.audio.evaluation.intelligibility import stoi
from generation.audio.levels import loudness
from generation.audio.preview import (
    SHORTEST_REST_SECONDS,
    TARGET_LUFS,
    Mix,
    Spoken,
    Tag,
    Tagging,
    spoken_tags,
    tagged_mix,
)
from generation.audio.synthesis import RATE

Sound = npt.NDArray[np.float32]

SHORT_TERM_SECONDS = 3.0
"""Window of the short-term level, as in EBU Tech 3341."""

CONSTANT_LEVEL_DB = -2.0


@dataclass(frozen=True, slots=True)
class Placed:
    """A tag in a preview. ``over_db`` is its level over that of the music under it, both as mean power while it lasts,
    and ``over_short_term_db`` over that of the 3 s of music around it; ``stoi`` as in ``intelligibility``.
    """

    seconds: float
    over_db: float
    over_short_term_db: float
    stoi: float


def mixed(music: Sound, *, tagging: Tagging) -> Mix:
    """Return the mix of the preview of ``music`` (frames,) as it is before encoding; ``music`` is left as it is."""
    spoken = spoken_tags(tagging=tagging, before=len(music) / RATE - SHORTEST_REST_SECONDS)
    return _mixed(music, spoken)


def mixed_with_constant_tag(music: Sound, *, tagging: Tagging, cache_dir: Path) -> Mix:
    """Return the same mix with one and the same recording at one level wherever a tag is: what other shops do."""
    phrase = tags.Phrase(words=tags.PHRASES[0].format(shop=tagging.shop), voice="en-us", speed=165, pitch=46)
    sound = tags.speak(phrase=phrase, cache_dir=cache_dir)
    spoken = spoken_tags(tagging=tagging, before=len(music) / RATE - SHORTEST_REST_SECONDS)
    constant = [replace(one, sound=sound, phrase=phrase, level_db=CONSTANT_LEVEL_DB) for one in spoken]
    return _mixed(music, constant)


def _mixed(music: Sound, spoken: Sequence[Spoken]) -> Mix:
    gain_db = TARGET_LUFS - loudness(sound=music, rate=RATE)
    return tagged_mix(music=music.copy(), spoken=spoken, gain_db=gain_db)


def measure(mix: Mix) -> list[Placed]:
    """Measure every tag of ``mix``."""
    return [_measured(tag, music=mix.music) for tag in mix.tags]


def _measured(tag: Tag, *, music: Sound) -> Placed:
    first, last = tag.first, tag.first + len(tag.sound)
    middle, half = (first + last) // 2, int(SHORT_TERM_SECONDS * RATE / 2)
    under, around = music[first:last], music[max(0, middle - half) : middle + half]
    level = power_db(tag.sound)
    return Placed(
        seconds=first / RATE,
        over_db=level - power_db(under),
        over_short_term_db=level - power_db(around),
        stoi=stoi(clean=tag.sound, heard=under + tag.sound),
    )


def power_db(sound: Sound) -> float:
    """Mean power in decibels of full scale."""
    return 10 * float(np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-20))
