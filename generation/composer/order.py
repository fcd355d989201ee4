"""What a customer may ask of the composer, validated."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from generation.composer.context import Wish
from generation.composer.score import TONICS, Mode

SECONDS = (5.0, 180.0)
BPM = (30.0, 240.0)
TEMPERATURE = (0.5, 1.5)
LARGEST_SEED = 2**63 - 1

Density = Literal["sparse", "medium", "busy"]
DENSITIES: dict[str, Wish] = {"sparse": 1, "medium": 2, "busy": 3}


class InvalidOrderError(ValueError):
    """An order cannot be met. ``field`` names the parameter, ``message`` its value and the remedy."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Mood:
    """What a mood means in notes: mode, tempo range (quarters a minute), density and register wishes."""

    mode: Mode
    bpm: tuple[int, int]
    density: Wish
    register: Wish


MOOD_MEANINGS = {
    "calm": Mood("major", (56, 76), 1, 2),
    "happy": Mood("major", (104, 132), 3, 3),
    "sad": Mood("minor", (52, 70), 1, 2),
    "tense": Mood("minor", (108, 138), 3, 1),
    "playful": Mood("major", (112, 144), 2, 3),
    "solemn": Mood("minor", (54, 72), 2, 1),
}
"""After the valence and arousal mapping of EmotionBox (arXiv 2112.08561) and EMOPIA (2108.01374)."""

MOODS = tuple(MOOD_MEANINGS)


@dataclass(frozen=True, slots=True)
class Order:
    """One composition to make. None leaves a choice to the seed.

    ``seconds`` is the notated length, ``tonic`` a name of ``TONICS``, ``bpm`` counts quarter notes a minute (it is
    adjusted a little so that whole bars last exactly ``seconds``). Raises ``InvalidOrderError``.
    """

    instrument: str
    seconds: float
    seed: int
    mood: str | None = None
    tonic: str | None = None
    mode: Mode | None = None
    bpm: float | None = None
    density: Density | None = None
    temperature: float = 0.95

    def __post_init__(self) -> None:
        _check_number("seconds", self.seconds, limits=SECONDS, unit="seconds")
        _check_number("temperature", self.temperature, limits=TEMPERATURE, unit="")
        if self.bpm is not None:
            _check_number("bpm", self.bpm, limits=BPM, unit="quarter notes a minute")
        if (
            isinstance(self.seed, bool)
            or not isinstance(self.seed, int)
            or not 0 <= self.seed <= LARGEST_SEED
        ):
            raise InvalidOrderError(
                "seed", f"The seed {self.seed!r} is not a whole number from 0 to {LARGEST_SEED}."
            )
        _check_option("mood", self.mood, options=MOODS)
        _check_option("tonic", self.tonic, options=TONICS)
        _check_option("mode", self.mode, options=("major", "minor"))
        _check_option("density", self.density, options=tuple(DENSITIES))

    def parameters(self) -> dict[str, Any]:
        """The order as plain values, numbers normalised so that 30 and 30.0 are the same order."""
        values = asdict(self)
        for name in ("seconds", "bpm", "temperature"):
            if values[name] is not None:
                values[name] = float(values[name])
        return values


def _check_number(field: str, value: float, *, limits: tuple[float, float], unit: str) -> None:
    low, high = limits
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not low <= value <= high:
        what = f"{low:g} to {high:g} {unit}".rstrip()
        raise InvalidOrderError(field, f"{field} is {value!r}; choose a number from {what}.")


def _check_option(field: str, value: str | None, *, options: tuple[str, ...]) -> None:
    if value is not None and value not in options:
        raise InvalidOrderError(field, f"{field} is {value!r}; choose one of {', '.join(options)}, or none.")
