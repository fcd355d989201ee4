"""What the shop offers: the instruments we know how to describe, and the trained models found on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop

from generation.errors import GenerationError
from generation.models import ComposerModel, Instrument

PRETRAINED = Path(__file__).resolve().parent / "pretrained"
CARD, WEIGHTS, LEDGER = "card.json", "weights.npz", "ledger.json"


@dataclass(frozen=True, slots=True)
class Offer:
    """How an instrument appears in the shop until the staff changes it."""

    name: str
    description: str
    price_minor: int = 4900


ONE_LINE_MINOR = 3900

OFFERS = {
    "piano": Offer(
        gettext_noop("Piano"),
        gettext_noop("A concert grand: from a quiet melody over broken chords to full-handed dances."),
    ),
    "guitar": Offer(
        gettext_noop("Classical guitar"),
        gettext_noop("Six nylon strings: plucked melodies with a bass of their own."),
    ),
    "harpsichord": Offer(
        gettext_noop("Harpsichord"),
        gettext_noop("Bright plucked strings and two busy hands, as in the baroque."),
    ),
    "organ": Offer(gettext_noop("Organ"), gettext_noop("Long lines over held basses, in a large room.")),
    "violin": Offer(
        gettext_noop("Violin"), gettext_noop("One singing line, bright and agile."), ONE_LINE_MINOR
    ),
    "viola": Offer(
        gettext_noop("Viola"), gettext_noop("One singing line, darker than the violin’s."), ONE_LINE_MINOR
    ),
    "cello": Offer(
        gettext_noop("Cello"), gettext_noop("One deep, warm line, close to the human voice."), ONE_LINE_MINOR
    ),
    "flute": Offer(
        gettext_noop("Flute"), gettext_noop("One light, airy line that stops to breathe."), ONE_LINE_MINOR
    ),
    "harp": Offer(gettext_noop("Harp"), gettext_noop("Rolled chords and melodies that ring on.")),
    "vibraphone": Offer(
        gettext_noop("Vibraphone"), gettext_noop("Soft metal bars, four mallets: mellow chords that hover.")
    ),
    "marimba": Offer(
        gettext_noop("Marimba"), gettext_noop("Warm wooden bars, four mallets: round, rhythmic, alive.")
    ),
}
"""In the order of the page. The price of a single line is lower than that of an instrument with chords."""


class DamagedModel(GenerationError):
    """A folder of trained weights whose card cannot be read."""

    code = "damaged_model"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A trained model as its card describes it."""

    instrument: str
    version: str
    weights_sha256: str
    ledger_sha256: str
    card: dict[str, Any]


def installed_models(folder: Path = PRETRAINED) -> Iterator[InstalledModel]:
    """Read the card of every trained model in a folder. Raises ``DamagedModel`` naming a card that is unusable."""
    for path in sorted(folder.glob(f"*/{CARD}")):
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            yield InstalledModel(
                instrument=path.parent.name,
                version=card["version"],
                weights_sha256=card["sha256"][WEIGHTS],
                ledger_sha256=card["sha256"][LEDGER],
                card=card,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedModel(f"{path} is damaged ({error!r}); restore it from the repository.") from error


def sync_instruments(folder: Path = PRETRAINED) -> list[InstalledModel]:
    """Offer an instrument for every trained model in ``folder`` and put exactly that model to use.

    Instruments that exist keep the name, text and price the staff gave them. A model that is no longer installed is
    kept, since its pieces name it, but not in use; so nobody can order what cannot be composed.
    """
    models = list(installed_models(folder))
    with transaction.atomic():
        ComposerModel.objects.exclude(weights_sha256__in=[model.weights_sha256 for model in models]).update(
            is_active=False
        )
        for position, model in enumerate(sorted(models, key=_place)):
            _register(model, position=position)
    return models


def _register(model: InstalledModel, *, position: int) -> None:
    offer = OFFERS.get(model.instrument) or Offer(model.instrument.replace("_", " ").capitalize(), "")
    instrument, _ = Instrument.objects.get_or_create(
        slug=model.instrument,
        defaults={
            "name": offer.name,
            "description": offer.description,
            "price_minor": offer.price_minor,
            "position": position,
        },
    )
    others = ComposerModel.objects.filter(instrument=instrument).exclude(weights_sha256=model.weights_sha256)
    others.update(is_active=False)
    ComposerModel.objects.update_or_create(
        instrument=instrument,
        weights_sha256=model.weights_sha256,
        defaults={
            "version": model.version,
            "ledger_sha256": model.ledger_sha256,
            "card": model.card,
            "is_active": True,
        },
    )


def _place(model: InstalledModel) -> int:
    order = list(OFFERS)
    return order.index(model.instrument) if model.instrument in order else len(order)
