"""What a piece is called: the name somebody gave it, or what it is, in the language of whoever reads it.

A row keeps the title that the worker made, untranslated: that is how we know that nobody named the piece. What was sold
keeps the title of its certificate.
"""

from __future__ import annotations

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from generation.models import Composition
from generation.orders import tonic_label

MODE_TERMS: dict[str, Promise] = {
    "major": pgettext_lazy("musical mode", "major"),
    "minor": pgettext_lazy("musical mode", "minor"),
}


def title_of(piece: Composition) -> str:
    """Return what a piece is called, in the language spoken here. ``piece`` comes with its instrument."""
    if piece.title and not _is_automatic(piece):
        return piece.title
    key = key_label(piece.tonic, piece.mode)
    if not key:
        return str(piece.instrument)
    if piece.title:
        return _automatic(piece, key=key)
    return _("%(instrument)s in %(key)s") % {"instrument": piece.instrument, "key": key}


def kept_title(piece: Composition, *, tonic: str, mode: str) -> str:
    """Name a piece that nobody has named by what it is, untranslated; the end of its id tells it from its kind."""
    with translation.override(None):
        return _automatic(piece, key=key_label(tonic, mode))


def title_to_keep(piece: Composition, *, name: str) -> str:
    """Return what is kept when somebody calls a piece ``name``: confirming what is shown names nothing."""
    return piece.title if name == title_of(piece) else name


def key_label(tonic: str, mode: str) -> str:
    """Name a key in the language spoken here: B, minor → “B minor”, in German “H-Moll”; empty without a tonic."""
    if not tonic or not mode:
        return tonic_label(tonic) if tonic else ""
    return _("%(tonic)s %(mode)s") % {"tonic": tonic_label(tonic), "mode": MODE_TERMS[mode]}


def _is_automatic(piece: Composition) -> bool:
    # Most names that were given differ in the end, and need no instrument to be told.
    return piece.title.endswith(_number(piece)) and piece.title == kept_title(
        piece, tonic=piece.tonic, mode=piece.mode
    )


def _automatic(piece: Composition, *, key: str) -> str:
    name = (
        _("%(instrument)s in %(key)s, %(kind)s no. %(number)s")
        if piece.parent_id
        else _("%(instrument)s in %(key)s, no. %(number)s")
    )
    return name % {
        "instrument": piece.instrument,
        "key": key,
        "kind": piece.get_kind_display(),
        "number": _number(piece),
    }


def _number(piece: Composition) -> str:
    return str(piece.pk)[-4:]
