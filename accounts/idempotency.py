"""Doing a request once, however often it is sent: ``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header).

The unique constraint on owner and key decides who does the work. What was refused did nothing and is not kept: the same
key may be tried again. Keys are forgotten after a day.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import IdempotencyKey

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(hours=24)
LEASE = timedelta(seconds=60)
"""After this long without an answer the process that had the key is dead, and the next one does the work."""

LONGEST_KEY = 255
KEPT_HEADERS = ("Location", "Retry-After")


class KeyInFlight(exceptions.APIException):
    """The same request is being done right now."""

    status_code = 409
    default_code = "idempotency_key_in_flight"
    default_detail = _(
        "A request with this Idempotency-Key is being done right now. Send it again in a moment."
    )
    wait = 1


class KeyReused(exceptions.APIException):
    """The key belongs to another request."""

    status_code = 422
    default_code = "idempotency_key_reused"
    default_detail = _("This Idempotency-Key was sent with another request. Use a new key for a new request.")


class _Overtaken(Exception):
    """Another process took the work over; what this one did is rolled back."""


def once(
    request: Request,
    *,
    owner: str,
    within: Callable[[], AbstractContextManager[Any]],
    act: Callable[[], Response],
) -> Response:
    """Answer with what ``act`` answers, or with what it answered when this request was first sent with its key.

    ``within`` opens what work and kept answer have in common: with ``transaction.atomic`` both are there or neither;
    work that calls other machines cannot be in a transaction and must itself be safe to do twice.
    Raises ``KeyInFlight`` and ``KeyReused``, and whatever ``act`` raises.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return act()
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise serializers.ValidationError({HEADER: [_("A key has 1 to 255 printable ASCII characters.")]})
    row = _claimed(owner=owner, key=key, request_hash=_hash_of(request))
    if row.answered_at is not None:
        headers = {**row.headers, "Idempotent-Replayed": "true"}
        return Response(json.loads(row.body), status=row.status, headers=headers)
    mine = IdempotencyKey.objects.filter(pk=row.pk, claimed_at=row.claimed_at, answered_at=None)
    try:
        with within():
            answer = act()
            kept = mine.update(
                answered_at=timezone.now(),
                status=answer.status_code,
                headers={name: answer[name] for name in KEPT_HEADERS if name in answer},
                body=JSONRenderer().render(answer.data).decode(),
            )
            if not kept:
                raise _Overtaken
    except _Overtaken as error:
        raise KeyInFlight from error
    except BaseException:
        mine.delete()
        raise
    return answer


def forget_old_keys() -> int:
    """Delete the keys of yesterday, and return how many. Safe at any time."""
    return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()[0]


def _claimed(*, owner: str, key: str, request_hash: str) -> IdempotencyKey:
    """Return the row of a key: new and ours to work on, or answered. Raises ``KeyInFlight`` and ``KeyReused``."""
    now = timezone.now()
    IdempotencyKey.objects.filter(owner=owner, key=key, created_at__lt=now - KEPT_FOR).delete()
    row = IdempotencyKey(owner=owner, key=key, request_hash=request_hash, created_at=now, claimed_at=now)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        known = IdempotencyKey.objects.filter(owner=owner, key=key).first()
    else:
        return row
    if known is None:
        # It was refused, and forgotten, between our two looks.
        raise KeyInFlight
    if known.request_hash != request_hash:
        raise KeyReused
    if known.answered_at is not None:
        return known
    dead = IdempotencyKey.objects.filter(
        pk=known.pk, answered_at=None, claimed_at=known.claimed_at, claimed_at__lt=now - LEASE
    )
    if not dead.update(claimed_at=now):
        raise KeyInFlight
    known.claimed_at = now
    return known


def _hash_of(request: Request) -> str:
    body = json.dumps(request.data, sort_keys=True, default=str)
    return hashlib.sha256(f"{request.method}\n{request.path}\n{body}".encode()).hexdigest()
