"""How selling goes, in numbers for the staff's first page. Each function asks the database once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from accounts.webhooks.models import WebhookDelivery
from licensing.models import Complaint, ComplaintEvent, Extra, RegisterCheck
from payments import gateway
from payments.models import Incident, OutboxMessage, Purchase, PurchaseEvent, WebhookEvent
from payments.moves import State

DAYS = 30
WITHOUT_RIGHT = ("captured_without_right", "captured_after_release")
"""Incidents in which money was taken from somebody who does not hold the right."""


@dataclass(frozen=True, slots=True)
class Takings:
    """Sales within some days: how many, and what was paid in each currency, in cents."""

    days: int
    count: int
    paid: dict[str, int]


@dataclass(frozen=True, slots=True)
class Sales:
    """Sales of today and of the last 7 and 30 days (UTC), refunds in the same 30, and the sales of each day."""

    takings: list[Takings]
    refunded: int
    by_day: list[tuple[date, int]]
    is_test: bool


def sales() -> Sales:
    """Count what was sold and sent back: real sales where Stripe is live, test sales elsewhere."""
    today = timezone.now().date()
    first = today - timedelta(days=DAYS - 1)
    is_test = not gateway.livemode()
    moves = PurchaseEvent.objects.filter(
        Q(to_state=State.SOLD, from_state=State.CLAIMED) | Q(to_state=State.REFUNDED),
        purchase__is_test=is_test,
        created_at__date__gte=first,
    ).order_by()
    rows = list(
        moves.annotate(day=TruncDate("created_at"))
        .values_list("to_state", "day", "purchase__currency")
        .annotate(count=Count("pk"), paid=Sum(Coalesce("purchase__total_minor", "purchase__price_minor")))
    )
    sold = [(day, currency, count, paid) for state, day, currency, count, paid in rows if state == State.SOLD]
    takings = []
    for days in (1, 7, DAYS):
        since = today - timedelta(days=days - 1)
        lately = [row for row in sold if row[0] >= since]
        paid: dict[str, int] = {}
        for _day, currency, _count, amount in lately:
            paid[currency] = paid.get(currency, 0) + amount
        takings.append(Takings(days, sum(row[2] for row in lately), paid))
    by_day = {first + timedelta(days=number): 0 for number in range(DAYS)}
    for day, _currency, count, _paid in sold:
        by_day[day] = by_day.get(day, 0) + count
    refunded = sum(count for state, _day, _currency, count, _paid in rows if state == State.REFUNDED)
    return Sales(takings, refunded, sorted(by_day.items()), is_test)


def holds() -> dict[str, Any]:
    """Count the holds that are open, those whose payment is authorised among them."""
    found: dict[str, Any] = Purchase.objects.filter(state__in=[State.HELD, State.CLAIMED]).aggregate(
        open=Count("pk"), claimed=Count("pk", filter=Q(state=State.CLAIMED)), oldest=Min("created_at")
    )
    return found


def incidents() -> dict[str, int]:
    """Count the incidents nobody has looked after, and how often money was ever captured without the right."""
    counts: dict[str, int] = Incident.objects.aggregate(
        open=Count("pk", filter=Q(resolved_at=None)),
        without_right=Count("pk", filter=Q(kind__in=WITHOUT_RIGHT)),
    )
    return counts


@dataclass(frozen=True, slots=True)
class Backlog:
    """Something that waits to be done: how much, and since when."""

    name: str
    count: int
    oldest: datetime | None


def backlogs() -> list[Backlog]:
    """Count what was left to be done later, by kind."""
    waiting = {
        "webhooks": WebhookEvent.objects.filter(processed_at=None).aggregate(
            n=Count("pk"), t=Min("received_at")
        ),
        "outbox": OutboxMessage.objects.filter(done_at=None).aggregate(n=Count("pk"), t=Min("created_at")),
        "partners": WebhookDelivery.objects.filter(state__in=WebhookDelivery.OPEN).aggregate(
            n=Count("pk"), t=Min("event__created_at")
        ),
        "extras": Extra.objects.filter(state__in=["queued", "building"]).aggregate(
            n=Count("pk"), t=Min("requested_at")
        ),
        "complaint_mails": ComplaintEvent.objects.filter(
            Q(from_state="") | ~Q(text=""), mailed_at=None
        ).aggregate(n=Count("pk"), t=Min("at")),
    }
    return [Backlog(name, found["n"], found["t"]) for name, found in waiting.items()]


def complaints() -> dict[str, Any]:
    """Count the complaints that nobody has decided."""
    found: dict[str, Any] = Complaint.objects.filter(state__in=["new", "in_work"]).aggregate(
        new=Count("pk", filter=Q(state="new")),
        in_work=Count("pk", filter=Q(state="in_work")),
        oldest=Min("filed_at"),
    )
    return found


def last_register_check() -> RegisterCheck | None:
    """Return the newest check of the register."""
    return RegisterCheck.objects.first()
