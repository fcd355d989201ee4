"""Who of the staff may do what: the one table. ``manage.py sync_roles`` makes groups of it, docs/staff.md shows it.

A superuser may do all of this as well, and beyond it only what packages bring (e-mail addresses, authenticators,
sessions, API clients and tokens): what is not here (deleting a purchase, rewriting a certificate) no page of the admin
offers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q

SUPPORT, FINANCE, MUSIC, ADMIN = ROLES = ("support", "finance", "music", "admin")


@dataclass(frozen=True, slots=True)
class Duty:
    """Something the staff does, the permissions it takes, and the roles that may do it. An admin may do everything."""

    words: str
    permissions: tuple[str, ...]
    roles: tuple[str, ...] = ()

    def is_of(self, role: str) -> bool:
        """Whether a role includes this."""
        return role == ADMIN or role in self.roles


ALL = (SUPPORT, FINANCE, MUSIC)

DUTIES = (
    Duty(
        "See pieces and hear their previews, instruments with prices, networks, ratings",
        (
            "generation.view_composition", "generation.view_instrument", "generation.view_pricechange",
            "generation.view_composermodel", "generation.view_rating",
        ),
        ALL,
    ),
    Duty("Compose a failed piece again", ("generation.retry_composition",), (SUPPORT, MUSIC)),
    Duty("Withdraw a piece that nobody holds", ("generation.withdraw_composition",), (SUPPORT, MUSIC)),
    Duty("Hear the master of a piece (each time logged)", ("generation.hear_master",), (MUSIC,)),
    Duty("Change an instrument's words, place and whether it is offered", ("generation.change_instrument",), (MUSIC,)),
    Duty("Set a price", ("generation.change_instrument", "generation.set_price"), (FINANCE,)),
    Duty("Put a network to use, or an older one back", ("generation.activate_composermodel",), (MUSIC,)),
    Duty(
        "See purchases with every move, and what buyers declared",
        ("payments.view_purchase", "payments.view_purchaseevent", "payments.view_declaration"),
        (SUPPORT, FINANCE),
    ),
    Duty("Ask Stripe and settle a purchase", ("payments.settle_purchase",), (SUPPORT, FINANCE)),
    Duty("Cancel a hold", ("payments.release_purchase",), (SUPPORT, FINANCE)),
    Duty("Withdraw a piece that is on hold", ("payments.retire_purchase",), (FINANCE,)),
    Duty("Refund a purchase", ("payments.refund_purchase",), (FINANCE,)),
    Duty("Revoke a right without a refund", ("payments.revoke_purchase",), (FINANCE,)),
    Duty(
        "See incidents, the outbox and what Stripe delivered",
        ("payments.view_incident", "payments.view_outboxmessage", "payments.view_webhookevent"),
        (FINANCE,),
    ),
    Duty("Close an incident", ("payments.change_incident",), (FINANCE,)),
    Duty(
        "See rights, certificates, files and the register",
        (
            "licensing.view_exclusiveright", "licensing.view_certificate", "licensing.view_deliveredfile",
            "licensing.view_extra", "licensing.view_registerentry", "licensing.view_registercheck",
            "licensing.view_replacement",
        ),
        (SUPPORT, FINANCE),
    ),
    Duty("Correct the name on a certificate", ("licensing.change_certificate",), (SUPPORT,)),
    Duty("Check the register now", ("licensing.add_registercheck",), (FINANCE,)),
    Duty("See complaints", ("licensing.view_complaint", "licensing.view_complaintevent"), ALL),
    Duty("Take up, answer and decide complaints", ("licensing.change_complaint",), (SUPPORT,)),
    Duty("See customers", ("accounts.view_user", "accounts.view_maker"), (SUPPORT, FINANCE)),
    Duty(
        "See partners, their webhooks and what was sent to them",
        (
            "accounts.view_partner", "accounts.view_webhookendpoint", "accounts.view_webhookevent",
            "accounts.view_webhookdelivery",
        ),
        (SUPPORT, FINANCE),
    ),
    Duty("Send a partner's webhook again", ("accounts.change_webhookdelivery",), (SUPPORT,)),
    Duty("Set a partner's quotas and credit", ("accounts.change_partner",), (FINANCE,)),
    Duty("See invoices", ("payments.view_invoice",), (SUPPORT, FINANCE)),
    Duty("Mark an invoice paid, or give it up", ("payments.change_invoice",), (FINANCE,)),
    Duty(
        "Change accounts and give roles", ("accounts.change_user", "accounts.add_user", "auth.view_group"),
    ),
    Duty("Take a lost second factor off an account", ("mfa.view_authenticator", "mfa.delete_authenticator")),
    Duty("Read the audit log", ("accounts.view_auditentry",), (FINANCE,)),
)  # fmt: skip


def permissions_of(role: str) -> set[str]:
    """Return the permissions of a role, as ``app.codename``."""
    return {name for duty in DUTIES if duty.is_of(role) for name in duty.permissions}


def sync_roles() -> None:
    """Make each role's group have exactly the permissions of the table. Raises ``LookupError`` for an unknown one."""
    with transaction.atomic():
        for role in ROLES:
            group, _made = Group.objects.get_or_create(name=role)
            group.permissions.set(_found(permissions_of(role)))


def table() -> Iterator[str]:
    """Yield the table as lines of Markdown."""
    yield f"| what | {' | '.join(ROLES)} |"
    yield f"| --- |{' :-: |' * len(ROLES)}"
    for duty in DUTIES:
        marks = " | ".join("yes" if duty.is_of(role) else "–" for role in ROLES)
        yield f"| {duty.words} | {marks} |"


def _found(names: set[str]) -> list[Permission]:
    wanted = Q()
    for name in names:
        app, codename = name.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    rows = list(Permission.objects.filter(wanted).select_related("content_type"))
    missing = names - {f"{row.content_type.app_label}.{row.codename}" for row in rows}
    if missing:
        raise LookupError(f"There are no permissions {sorted(missing)}: run manage.py migrate first.")
    return rows
