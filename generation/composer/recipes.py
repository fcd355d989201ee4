"""How our own models are trained: what share of the notes each folder of the corpus gives, and for how long.

One base learns from everything; each instrument is then a fine-tune of it that hears mostly its own music and a
little of its relatives', so that a small folder does not make it forget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BASE = "base"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Shares of the notes by folder of the corpus; ``hyper`` is what differs for a run that starts from another one."""

    shares: Mapping[str, float]
    minutes: float = 4.0
    hyper: Mapping[str, Any] = field(default_factory=dict)


_FINE = {"peak_rate": 3e-4, "last_rate": 2e-5, "layer_dropout": 0.3, "input_dropout": 0.1}
_SMALL = {**_FINE, "peak_rate": 1.5e-4, "layer_dropout": 0.4, "input_dropout": 0.2}
"""Folders of a hundred pieces overfit within minutes: a longer fine-tune lowers the held-out loss a little more, but
its critic then tells what was learned by heart from what is new, not what is real from what is generated."""

RECIPES = {
    BASE: Recipe(
        {"piano": 0.18, "harpsichord": 0.07, "organ": 0.06, "guitar": 0.03, "violin": 0.13, "viola": 0.1,
         "cello": 0.1, "flute": 0.03, "melody": 0.11, "string_quartet": 0.07, "choir": 0.05, "voice_piano": 0.07},
        minutes=110.0,
        hyper={"peak_rate": 1e-3, "batch": 32},
    ),
    "piano": Recipe({"piano": 0.8, "harpsichord": 0.12, "voice_piano": 0.08}, hyper=_FINE),
    "guitar": Recipe({"guitar": 0.6, "piano": 0.25, "harpsichord": 0.15}, minutes=1.0, hyper=_SMALL),
    "harpsichord": Recipe({"harpsichord": 0.75, "piano": 0.15, "organ": 0.1}, minutes=2.0, hyper=_FINE),
    "organ": Recipe({"organ": 0.7, "harpsichord": 0.2, "choir": 0.1}, hyper=_FINE),
    "violin": Recipe({"violin": 0.85, "melody": 0.15}, hyper=_FINE),
    "viola": Recipe({"viola": 0.85, "melody": 0.15}, hyper=_FINE),
    "cello": Recipe({"cello": 0.85, "melody": 0.15}, hyper=_FINE),
    "flute": Recipe({"flute": 0.6, "violin": 0.25, "melody": 0.15}, minutes=1.5, hyper=_SMALL),
}  # fmt: skip
"""Recipes by instrument; an instrument without one learns from the folder of its own name alone."""
