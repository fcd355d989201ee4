"""What a visitor may order, and the one check that pages, API and commands share.

Light on purpose: web processes import it, so it knows nothing of the composer beyond the names of the keys.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import pgettext, pgettext_lazy

from generation.composer.score import TONICS
from generation.errors import InvalidOrder
from generation.models import Composition

SECONDS_MIN, SECONDS_MAX = 5, 180
BPM_MIN, BPM_MAX = 30, 240
TEMPERATURE_MIN, TEMPERATURE_MAX = Decimal("0.50"), Decimal("1.50")
SEED_MAX = 2**53 - 1
"""The largest whole number that JSON readers keep exact."""

DEFAULT_SECONDS = 30
DEFAULT_TEMPERATURE = Decimal("1.00")

_OTHER_SPELLINGS = {"D-": "C#", "D#": "E-", "G-": "F#", "G#": "A-", "A#": "B-", "C-": "B", "F-": "E"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFields:
    """One order. Empty values mean "no wish"; without a seed one is drawn."""

    instrument: str
    seconds: int = DEFAULT_SECONDS
    seed: int | None = None
    mood: str = ""
    tonic: str = ""
    mode: str = ""
    bpm: int | None = None
    density: str = ""
    register: str = ""
    temperature: Decimal = DEFAULT_TEMPERATURE

    @classmethod
    def of(cls, piece: Composition) -> OrderFields:
        """Return the order that a row was written from, without its seed."""
        return cls(
            instrument=piece.instrument_id,
            seconds=piece.ordered_seconds,
            mood=piece.mood,
            tonic=piece.wished_tonic,
            mode=piece.wished_mode,
            bpm=piece.wished_bpm,
            density=piece.density,
            register=piece.register,
            temperature=piece.temperature,
        )

    def with_spelled_tonic(self) -> OrderFields:
        """Return the order with its key spelled as the composer spells it (``Eb``, ``D#`` → ``E-``)."""
        return replace(self, tonic=spelled_tonic(self.tonic))


def spelled_tonic(text: str) -> str:
    """Spell a key's name as the composer does; what is no key comes back as it is."""
    name = text.strip().replace("♭", "-").replace("♯", "#")
    name = name[:1].upper() + name[1:].replace("b", "-")
    name = _OTHER_SPELLINGS.get(name, name)
    return name if name in TONICS else text


def tonic_label(tonic: str) -> str:
    """Name a key for people: ``E-`` → ``E♭``, which some languages call otherwise (German ``Es``; B is ``H`` there)."""
    return pgettext("key", tonic.replace("-", "♭").replace("#", "♯"))


KEYS = (
    pgettext_lazy("key", "C"), pgettext_lazy("key", "C♯"), pgettext_lazy("key", "D"), pgettext_lazy("key", "E♭"),
    pgettext_lazy("key", "E"), pgettext_lazy("key", "F"), pgettext_lazy("key", "F♯"), pgettext_lazy("key", "G"),
    pgettext_lazy("key", "A♭"), pgettext_lazy("key", "A"), pgettext_lazy("key", "B♭"), pgettext_lazy("key", "B"),
)  # fmt: skip
"""The names of all keys, so that they are found for the catalogue of translations."""


def draw_seed() -> int:
    """Draw a seed that nobody can guess: whoever knows a seed can compose its piece again."""
    return secrets.randbelow(SEED_MAX + 1)


def check_order(order: OrderFields) -> None:
    """Raise ``InvalidOrder`` naming every field at fault, with its value and what is accepted."""
    problems: dict[str, str] = {}
    if not SECONDS_MIN <= order.seconds <= SECONDS_MAX:
        problems["seconds"] = between(order.seconds, SECONDS_MIN, SECONDS_MAX)
    if order.seed is not None and not 0 <= order.seed <= SEED_MAX:
        problems["seed"] = between(order.seed, 0, SEED_MAX)
    if order.bpm is not None and not BPM_MIN <= order.bpm <= BPM_MAX:
        problems["bpm"] = between(order.bpm, BPM_MIN, BPM_MAX)
    if not TEMPERATURE_MIN <= order.temperature <= TEMPERATURE_MAX:
        problems["temperature"] = between(order.temperature, TEMPERATURE_MIN, TEMPERATURE_MAX)
    for field, value, known in (
        ("mood", order.mood, Composition.Mood.values),
        ("mode", order.mode, Composition.Mode.values),
        ("density", order.density, Composition.Density.values),
        ("register", order.register, Composition.Register.values),
        ("tonic", order.tonic, TONICS),
    ):
        if value and value not in known:
            problems[field] = one_of(value, known)
    if problems:
        raise InvalidOrder(problems)


def between(value: object, low: object, high: object) -> str:
    """Say that a number is out of its range."""
    return _("%(value)s is out of range: choose %(low)s to %(high)s.") % {
        "value": value,
        "low": low,
        "high": high,
    }


def one_of(value: object, known: list[str] | tuple[str, ...]) -> str:
    """Say that a word is none of the known ones."""
    return _("“%(value)s” is not known: choose one of %(known)s.") % {
        "value": value,
        "known": ", ".join(known),
    }
