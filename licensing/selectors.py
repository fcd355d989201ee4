"""What the library shows: the pieces composed for a visitor, and what they own. Words narrow both."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from generation.models import Composition, Instrument
from generation.search_words import is_form_of, names
from licensing.models import Certificate, ExclusiveRight

Visitor = AbstractBaseUser | AnonymousUser


def composed_for(makers: Collection[uuid.UUID], *, words: str = "") -> QuerySet[Composition]:
    """Return the pieces in the library of some makers, newest first."""
    pieces = Composition.objects.filter(maker__in=makers, removed_at=None).select_related("instrument")
    return pieces.filter(_named(words)).defer("peaks", "roll").order_by("-created_at")


def rights_of(user: Visitor, *, words: str = "") -> QuerySet[ExclusiveRight]:
    """Return the rights a visitor holds or held, with their certificates."""
    rights = ExclusiveRight.objects.filter(holder=user.pk)
    return (
        rights.filter(_named(words, piece="composition__", certificate="certificates__", right=""))
        .distinct()
        .select_related("composition__instrument")
        .defer("composition__peaks", "composition__roll")
        .prefetch_related("certificates__files")
    )


def replaced_certificates_of(user: Visitor, *, words: str = "") -> QuerySet[Certificate]:
    """Return the certificates of a visitor that another has taken the place of."""
    replaced = Certificate.objects.filter(holder=user.pk).exclude(state=Certificate.State.CURRENT)
    return replaced.filter(
        _named(words, piece="right__composition__", certificate="", right="right__")
    ).select_related("right__composition__instrument")


def _named(words: str, *, piece: str = "", certificate: str | None = None, right: str | None = None) -> Q:
    """A filter for each word: in title, instrument or mood, in the Copyright ID, or in the licensee's name."""
    found = Q()
    instruments = list(Instrument.objects.all()) if words.split() else []
    for word in words.split():
        called = [each.slug for each in instruments if names(word, each.slug, each.name, str(each))]
        moods = [mood for mood, label in Composition.Mood.choices if is_form_of(word, mood, str(label))]
        here = (
            Q(**{f"{piece}title__icontains": word})
            | Q(**{f"{piece}instrument__in": called})
            | Q(**{f"{piece}mood__in": moods})
        )
        if certificate is not None:
            here |= Q(**{f"{certificate}pk__icontains": word})
        if right is not None:
            here |= Q(**{f"{right}licensee__icontains": word})
        found &= here
    return found
