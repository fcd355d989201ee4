"""The shop's own pieces, so that a new shop has something to be heard."""

from __future__ import annotations

from accounts.models import Maker
from accounts.services import HOUSE_CLIENT, maker_of_client
from generation.errors import NoComposer
from generation.models import Composition
from generation.orders import OrderFields
from generation.selectors import offered_instruments
from generation.services import request_composition

# No seeds here: whoever can read a seed can compose the piece.
MOODS = (Composition.Mood.CALM, Composition.Mood.PLAYFUL, Composition.Mood.SOLEMN)


def seed_shop() -> list[Composition]:
    """Queue the house's pieces that are not there yet, over the instruments in turn; they are listed once ready.

    Raises ``NoComposer`` when nothing can be composed at all.
    """
    instruments = list(offered_instruments())
    if not instruments:
        raise NoComposer("any instrument")
    house = maker_of_client(HOUSE_CLIENT)
    return [
        request_composition(
            maker=house, order=OrderFields(instrument=instruments[place % len(instruments)].slug, mood=mood)
        )
        for place, mood in enumerate(MOODS)
        if not _is_there(house, mood=mood)
    ]


def _is_there(house: Maker, *, mood: str) -> bool:
    gone = [Composition.State.FAILED, Composition.State.CANCELLED]
    return Composition.objects.filter(maker=house, mood=mood).exclude(state__in=gone).exists()
