"""Why a piece could not be composed: kept as a code with its numbers, said in the language of whoever reads it.

A worker speaks no visitor's language. It keeps ``failure(code, …)`` in the row; pages, API and mails say ``sentence``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, gettext_noop

SENTENCES: dict[str, str] = {
    "seed_burned": gettext_noop(
        "Seed %(seed)s with these wishes gave a piece that has been sold, and nobody else ever gets it. "
        "Choose another seed, or leave the seed empty and one is drawn."
    ),
    "too_near": gettext_noop(
        "Seed %(seed)s with these wishes gives a piece that exists here already, or one too near to it. "
        "Choose another seed, or leave the seed empty and one is drawn."
    ),
    "version_too_near": gettext_noop(
        "Nothing could be made from this piece that is not too near to one that exists here already. "
        "Try another bar or another length."
    ),
    "family_sold": gettext_noop(
        "This piece, or another version of it, has been sold; no more is made from it."
    ),
    "kin_sold": gettext_noop("Another version of this piece has been sold, and with it all that are kin."),
    "parent_gone": gettext_noop(
        "The piece that this was to be made from has left the shop; no more is made from it."
    ),
    "parent_unreadable": gettext_noop("The notes of the piece that this was to be made from cannot be read."),
    "fell_silent": gettext_noop("Composing stopped %(count)s times without a sign of life."),
    "disk_full": gettext_noop(
        "Our disk is full, so your piece could not be kept. Nothing was charged; please try again later."
    ),
    "damaged": gettext_noop(
        "Our composer or sound for this instrument is damaged or not installed. Nothing was charged."
    ),
    "not_registered": gettext_noop(
        "The composer %(version)s is installed but not registered: run “manage.py sync_instruments”."
    ),
    "sound_missing": gettext_noop(
        "This machine lacks something that makes the sound, and nothing was charged. For its operator: %(problem)s"
    ),
    "unforeseen": gettext_noop(
        "Something went wrong while composing. Nothing was charged; please try another piece."
    ),
}
"""What each code says. A code that was ever kept stays here."""


def failure(code: str, **numbers: Any) -> dict[str, Any]:
    """Return what is kept of a failure: its code, and what its sentence has places for."""
    return {"code": code, **numbers}


def sentence(kept: Mapping[str, Any]) -> str:
    """Say why it failed, in the language spoken here; empty for a failure without a code that we know."""
    text = SENTENCES.get(kept.get("code", ""))
    return gettext(text) % kept if text else ""
