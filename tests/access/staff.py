"""The admin's addresses, by rule: what a role may see and do there is what its permissions say."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import reverse

from marketplace.staff.roles import ROLES, permissions_of
from tests.access.doors import IN, LOGIN, VERBS, Outcome, Row, door, every, reads
from tests.access.walk import Visit
from tests.access.world import World

OUTSIDE = ("anonymous", "owner")
INSIDE = (*ROLES, "no role", "superuser")

ADDED = {"accounts.user", "generation.instrument"}
CHANGED = {"accounts.user", "accounts.partner", "generation.instrument"}
DELETED = {"mfa.authenticator"}
"""What the house lets anybody make, change and delete by form; everything else is a service's work."""
PACKAGES = {
    "account.emailaddress", "mfa.authenticator", "usersessions.usersession", "allauth_idp_oidc.client",
    "allauth_idp_oidc.token",
}  # fmt: skip
"""Lists that packages bring. A superuser may do everything there."""

ANY_OF_THEM = door(LOGIN, staff=IN)
BY_GET = ("GET", "HEAD", "PUT", "PATCH", "DELETE")
ROWS = (
    every("admin:index admin:password_change", ANY_OF_THEM),
    reads("admin:jsi18n admin:password_change_done", ANY_OF_THEM),
    every("admin:login", door(403, strangers=LOGIN, staff=IN)),
    Row("admin:logout", {"POST": door(IN), **dict.fromkeys(BY_GET, door(IN, staff=405))}),
    reads("admin:autocomplete", door(LOGIN, staff=403)),  # nothing is asked for
    every("admin:view_on_site", door(LOGIN, staff=404)),  # no row has a page of its own
    every("admin:app_list", door(LOGIN, staff=IN, music=404, no_role=404)),
    every("admin:auth_user_password_change", door(LOGIN, staff=403, admin=IN, superuser=IN)),
    Row(
        "admin:generation_composition_master",
        {
            "POST": door(LOGIN, staff=404, music=IN, admin=IN, superuser=IN),
            **dict.fromkeys(BY_GET, door(LOGIN, staff=404)),
        },
    ),
    every("admin:generation_composition_master_stream", door(LOGIN, staff=404)),  # nobody has opened it
    Row(
        "admin:licensing_registerentry_check",
        {
            "POST": door(LOGIN, staff=403, finance=IN, admin=IN, superuser=IN),
            **dict.fromkeys(BY_GET, door(LOGIN, staff=403)),
        },
    ),
)
"""What the admin has beside the pages of its models."""

KINDS = ("changelist", "export", "add", "change", "history", "delete")


def names() -> set[str]:
    """Return the names of the addresses that the rule is about."""
    models = [f"admin:{one._meta.app_label}_{one._meta.model_name}" for one in admin.site._registry]
    return {f"{model}_{kind}" for model in models for kind in KINDS} | {"admin:None"}


def may(who: str, deed: str, model: type[Model]) -> bool:
    """Whether somebody of the staff may view, add, change or delete rows of a model."""
    label = f"{model._meta.app_label}.{model._meta.model_name}"
    by_form = {"add": ADDED, "change": CHANGED, "delete": DELETED}
    if deed in by_form and label not in by_form[deed] | (PACKAGES if who == "superuser" else set()):
        return False
    granted = permissions_of(who) if who in ROLES else set()
    wanted = {"view", "change"} if deed == "view" else {deed}
    names = {f"{model._meta.app_label}.{one}_{model._meta.model_name}" for one in wanted}
    return who == "superuser" or bool(names & granted)


def expected(who: str, kind: str, verb: str, model: type[Model]) -> Outcome:
    """Return what becomes of somebody at one of the pages that the admin has for each model."""
    if who in OUTSIDE:
        return LOGIN
    deed = {"add": "add", "delete": "delete"}.get(kind, "view")
    if kind == "change" and verb == "POST":
        deed = "change"
    return IN if may(who, deed, model) else 403


def asked(who: str, kind: str) -> tuple[str, ...]:
    """Return the verbs that somebody goes there with. Django's admin takes those it does not know for GET."""
    if who == "anonymous":
        return VERBS
    return ("GET", "POST") if kind in {"add", "change", "delete"} else ("GET",)


def walk_admin(world: World) -> Iterator[str]:
    """Go to every page that the admin has for a model; yield what was not as the rule has it."""
    for model, kind in itertools.product(admin.site._registry, KINDS):
        arguments = [quote(world.one(model).pk)] if kind in {"change", "history", "delete"} else []
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}", args=arguments)
        for who in (*OUTSIDE, *INSIDE):
            for verb in asked(who, kind):
                outcome = expected(who, kind, verb, model)
                for mistake in Visit(world.client(who), verb=verb, path=path).mistakes(outcome):
                    yield f"{verb} {path} as {who}: {mistake}"
