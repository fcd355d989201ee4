"""What the shop offers: the instruments we know how to describe, and the trained models found on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from generation.errors import GenerationError, NotAllowed
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


def kept_releases() -> list[Path]:
    """Return the folders of other releases that are kept beside the one that ships, to go back to or to try."""
    folder = Path(settings.MODELS_DIR)
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def folder_of_model(model: ComposerModel) -> Path | None:
    """Return the folder of the release that holds a registered model on this machine; None if none does."""
    for folder in (PRETRAINED, *kept_releases()):
        for found in installed_models(folder):
            if (found.instrument, found.weights_sha256) == (model.instrument_id, model.weights_sha256):
                return folder
    return None


def folder_in_use(instrument: str) -> Path:
    """Return the folder of the release whose model is in use for an instrument: the one that ships, if none is."""
    if not kept_releases():
        return PRETRAINED
    active = ComposerModel.objects.filter(instrument=instrument, is_active=True).first()
    return (folder_of_model(active) if active else None) or PRETRAINED


def activate_model(*, model: ComposerModel) -> bool:
    """Put a model to use for its instrument, in place of the one before. False if it is in use already.

    Whatever is composed from now on comes from it; a piece in work is finished by the model that began it. Raises
    ``NotAllowed`` if this machine does not have it.
    """
    if folder_of_model(model) is None:
        raise NotAllowed(
            _(
                "The network %(version)s is not installed on this machine, so nothing could be composed with it."
            )
            % {"version": model.version}
        )
    with transaction.atomic():
        Instrument.objects.select_for_update().get(pk=model.instrument_id)
        others = ComposerModel.objects.filter(instrument=model.instrument_id, is_active=True)
        others.exclude(pk=model.pk).update(is_active=False)
        return ComposerModel.objects.filter(pk=model.pk, is_active=False).update(is_active=True) == 1


def sync_instruments(folder: Path = PRETRAINED) -> list[InstalledModel]:
    """Offer an instrument for every trained model in ``folder``, and register the models of kept releases.

    A model that ships for the first time is put to use; among known ones the staff's choice stands. Instruments that
    exist keep the name, text and price the staff gave them. A model that is no longer installed is kept, since its
    pieces name it, but not in use; so nobody can order what cannot be composed.
    """
    models = list(installed_models(folder))
    kept = [model for release in kept_releases() for model in installed_models(release)]
    with transaction.atomic():
        ComposerModel.objects.exclude(
            weights_sha256__in=[model.weights_sha256 for model in (*models, *kept)]
        ).update(is_active=False)
        for position, model in enumerate(sorted(models, key=_place)):
            _register(model, position=position)
        for model in kept:
            if Instrument.objects.filter(pk=model.instrument).exists():
                _write_down(model)
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
    row, is_new = _write_down(model)
    in_use = ComposerModel.objects.filter(instrument=instrument, is_active=True)
    if is_new or not in_use.exists():
        in_use.update(is_active=False)
        ComposerModel.objects.filter(pk=row.pk).update(is_active=True)


def _write_down(model: InstalledModel) -> tuple[ComposerModel, bool]:
    return ComposerModel.objects.update_or_create(
        instrument_id=model.instrument,
        weights_sha256=model.weights_sha256,
        defaults={"version": model.version, "ledger_sha256": model.ledger_sha256, "card": model.card},
    )


def _place(model: InstalledModel) -> int:
    order = list(OFFERS)
    return order.index(model.instrument) if model.instrument in order else len(order)
