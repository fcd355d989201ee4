"""What a customer may ask of the composer, validated."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from generation.composer.score import TONICS, Mode

SECONDS = (5.0, 180.0)
BPM = (30.0, 240.0)
TEMPERATURE = (0.5, 1.5)
LARGEST_SEED = 2**63 - 1

Density = Literal["sparse", "medium", "busy"]
Register = Literal["low", "middle", "high"]
DENSITIES = {"sparse": 1, "medium": 3, "busy": 5}
REGISTERS = {"low": 1, "middle": 3, "high": 5}
"""Wishes as classes of the traits of the same name."""

VARIANTS = 2
"""Unlike pieces offered for one order."""


class InvalidOrderError(ValueError):
    """An order cannot be met. ``field`` names the parameter, ``message`` its value and the remedy."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Mood:
    """What a mood means in notes: mode, tempo range (quarters a minute), wished classes of traits."""

    mode: Mode
    bpm: tuple[int, int]
    traits: dict[str, int]


MOOD_MEANINGS = {
    "calm": Mood("major", (56, 76), {"density": 1, "register": 3, "leaps": 1}),
    "happy": Mood("major", (104, 132), {"density": 4, "register": 5}),
    "sad": Mood("minor", (52, 70), {"density": 1, "register": 2, "leaps": 1}),
    "tense": Mood("minor", (108, 138), {"density": 5, "register": 1}),
    "playful": Mood("major", (112, 144), {"density": 3, "register": 5, "leaps": 4}),
    "solemn": Mood("minor", (54, 72), {"density": 2, "register": 1, "polyphony": 4}),
}
"""After the valence and arousal mapping of EmotionBox (arXiv 2112.08561) and EMOPIA (2108.01374)."""

MOODS = tuple(MOOD_MEANINGS)


@dataclass(frozen=True, slots=True)
class Order:
    """One composition to make. None leaves a choice to the seed.

    ``seconds`` is the notated length, ``tonic`` a name of ``TONICS``, ``bpm`` counts quarter notes a minute (it is
    adjusted a little so that whole bars last exactly ``seconds``); ``variant`` chooses among the ``VARIANTS`` unlike
    pieces of one seed. Raises ``InvalidOrderError``.
    """

    instrument: str
    seconds: float
    seed: int
    mood: str | None = None
    tonic: str | None = None
    mode: Mode | None = None
    bpm: float | None = None
    density: Density | None = None
    register: Register | None = None
    variant: int = 0
    temperature: float = 1.0

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
        _check_option("register", self.register, options=tuple(REGISTERS))
        if self.variant not in range(VARIANTS):
            raise InvalidOrderError("variant", f"variant is {self.variant!r}; choose 0 or {VARIANTS - 1}.")

    @property
    def wished_mode(self) -> Mode | None:
        """The mode that is named, else the mood's."""
        mood = MOOD_MEANINGS.get(self.mood or "")
        return self.mode or (mood.mode if mood else None)

    def wishes(self) -> dict[str, int]:
        """Wished classes of traits: what is named wins over what the mood means."""
        mood = MOOD_MEANINGS.get(self.mood or "")
        wished = dict(mood.traits) if mood else {}
        if self.density:
            wished["density"] = DENSITIES[self.density]
        if self.register:
            wished["register"] = REGISTERS[self.register]
        return wished

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
