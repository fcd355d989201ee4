"""Does a wish do what it says? Pieces are composed for every wish, and measured by their notes.

The effect of a wish on a measure is Cohen's d: the difference of the means of the two ends of a wish (busy and
sparse, high and low, major and minor …) in pooled standard deviations; 0.2 is small, 0.8 large. A mood is
compared with pieces of no mood. All wishes use the same seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from generation.composer.evaluation.pieces import Made
from generation.composer.keyfinder import heard_key
from generation.composer.order import DENSITIES, MOOD_MEANINGS, Order
from generation.composer.score import STEPS_PER_QUARTER, TONICS, Score

SECONDS = 30.0
_FIRST_SEED = 20_000
_PLAIN: Mapping[str, Any] = {}

Measure = Callable[[Score], float]


def _notes_per_second(score: Score) -> float:
    return len(score.notes) / score.seconds


def _notes_per_quarter(score: Score) -> float:
    return len(score.notes) * STEPS_PER_QUARTER / score.steps


def _mean_pitch(score: Score) -> float:
    return sum(note.pitch for note in score.notes) / len(score.notes)


def _bpm(score: Score) -> float:
    return score.bpm


def _minor_heard(score: Score) -> float:
    return float(heard_key(score.notes)[1] == "minor")


MEASURES: dict[str, Measure] = {
    "notes_per_second": _notes_per_second,
    "notes_per_quarter": _notes_per_quarter,
    "mean_pitch": _mean_pitch,
    "bpm": _bpm,
    "minor_heard": _minor_heard,
}


@dataclass(frozen=True, slots=True)
class Scale:
    """A field of the order with values from one end to the other, and the measures it should move."""

    field: str
    values: tuple[Any, ...]
    measures: tuple[str, ...]


SCALES = (
    Scale("mode", ("major", "minor"), ("minor_heard",)),
    Scale("bpm", (60.0, 90.0, 120.0), ("bpm", "notes_per_second")),
    Scale("density", tuple(DENSITIES), ("notes_per_quarter",)),
    Scale("register", ("low", "middle", "high"), ("mean_pitch",)),
)
MOOD_MEASURES = ("bpm", "minor_heard", "notes_per_second", "mean_pitch")


def known_scales() -> tuple[Scale, ...]:
    """Those of ``SCALES`` that an order can carry."""
    known = {field.name for field in fields(Order)}
    return tuple(scale for scale in SCALES if scale.field in known)


def wish_orders(instrument: str, *, each: int) -> list[Order]:
    """Orders for every value of every wish, for no wish, and for the twelve tonics in turn."""
    wishes: list[Mapping[str, Any]] = [_PLAIN, *({"mood": mood} for mood in MOOD_MEANINGS)]
    wishes += [{scale.field: value} for scale in known_scales() for value in scale.values]
    orders = [_order(instrument, seed, wish) for wish in wishes for seed in range(each)]
    tonics = max(each, len(TONICS)) if each else 0
    return orders + [
        _order(instrument, seed, {"tonic": TONICS[seed % len(TONICS)]}) for seed in range(tonics)
    ]


def _order(instrument: str, seed: int, wish: Mapping[str, Any]) -> Order:
    return Order(instrument=instrument, seconds=SECONDS, seed=_FIRST_SEED + seed, **wish)


def effects(made: Sequence[Made], *, real: Sequence[Score]) -> dict[str, Any]:
    """What came of :func:`wish_orders`: ``scales``, ``moods``, ``key`` and ``tempo``.

    ``real`` scores show how often the written key of real music is the one that is heard.
    """
    return {
        "scales": [_scale_row(made, scale=scale, measure=name) for scale in known_scales() for name in scale.measures],
        "moods": [
            {"mood": mood, "pieces": len(_wished(made, {"mood": mood}))}
            | {name: _mood_effect(made, mood=mood, measure=name) for name in MOOD_MEASURES}
            for mood in (None, *MOOD_MEANINGS)
        ],
        "key": _keys(made, real=real),
        "tempo": _tempo(made),
    }  # fmt: skip


def cohens_d(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Difference of the means (other - one) in pooled standard deviations; None if neither side varies."""
    pooled = float(np.sqrt((np.var(one, ddof=1) + np.var(other, ddof=1)) / 2))
    return round(float(np.mean(other) - np.mean(one)) / pooled, 2) if pooled > 1e-12 else None


def _scale_row(made: Sequence[Made], *, scale: Scale, measure: str) -> dict[str, Any]:
    values = {
        value: [MEASURES[measure](one.score) for one in _wished(made, {scale.field: value})]
        for value in scale.values
    }
    first, last = values[scale.values[0]], values[scale.values[-1]]
    return {
        "wish": scale.field,
        "measure": measure,
        "pieces": min(map(len, values.values())),
        "means": {
            f"{value:g}" if isinstance(value, float) else value: _mean(found)
            for value, found in values.items()
        },
        "effect": cohens_d(first, last) if min(len(first), len(last)) > 1 else None,
    }


def _mood_effect(made: Sequence[Made], *, mood: str | None, measure: str) -> dict[str, Any]:
    plain, ours = (
        [MEASURES[measure](one.score) for one in _wished(made, wish)] for wish in (_PLAIN, {"mood": mood})
    )
    return {
        "mean": _mean(ours),
        "effect": cohens_d(plain, ours) if mood and min(len(plain), len(ours)) > 1 else None,
    }


def _keys(made: Sequence[Made], *, real: Sequence[Score]) -> dict[str, Any]:
    """How often the wished tonic and the wished mode are heard (a tonic by chance: 1 in 12)."""
    wished = [one for one in made if one.order.tonic]
    heard = [(score, *heard_key(score.notes)) for score in real]
    return {
        "pieces": len(wished),
        "tonic_heard": _mean([heard_key(one.score.notes)[0] == one.order.tonic for one in wished]),
        "mode_heard": _mean(
            [heard_key(one.score.notes)[1] == one.order.mode for one in made if one.order.mode]
        ),
        "real": {
            "tonic_heard": _mean([score.tonic == tonic for score, tonic, _ in heard]),
            "mode_heard": _mean([score.mode == mode for score, _, mode in heard]),
        },
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 2) if values else None


def _tempo(made: Sequence[Made]) -> dict[str, Any]:
    bends = [abs(one.score.bpm / one.order.bpm - 1) for one in made if one.order.bpm]
    return {"pieces": len(bends), "largest_departure": round(max(bends), 3) if bends else None}


def _wished(made: Sequence[Made], wish: Mapping[str, Any]) -> list[Made]:
    """Pieces made for exactly this wish."""
    wanted = {name: value for name, value in wish.items() if value is not None}
    names = ["mood", "tonic", *(scale.field for scale in known_scales())]
    return [
        one for one in made
        if {name: getattr(one.order, name) for name in names if getattr(one.order, name) is not None} == wanted
    ]  # fmt: skip
