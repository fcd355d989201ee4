"""What every page promises: one heading, landmarks, labels, nothing inline, nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLResolver, get_resolver, resolve, reverse

from accounts.services import SESSION_KEY
from generation.catalogue import sync_instruments
from generation.listeners import keep_favourite
from generation.models import Composition
from generation.panel import draw_pair
from generation.sharing import make_link, open_links
from licensing.models import Certificate, DeliveredFile
from licensing.transfers import transfer_right
from payments import gateway, services
from payments.models import Purchase
from tests.factories import (
    PASSWORD,
    a_listed_composition,
    a_maker,
    a_queued_composition,
    a_ready_composition,
    a_user,
)
from tests.licensing.factories import a_right
from tests.payments.shop import Shop

pytestmark = pytest.mark.django_db

Visit = Callable[[Client], str]


class Page(HTMLParser):
    """A page taken apart far enough to ask it questions."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _tag, attributes in self.elements if "id" in attributes]


def address(name: str) -> Visit:
    return lambda client: reverse(name)


def signed_in(name: str) -> Visit:
    def visit(client: Client) -> str:
        client.force_login(a_user())
        return reverse(name)

    return visit


def piece(**fields: object) -> Visit:
    def visit(client: Client) -> str:
        return reverse("composition", args=[a_listed_composition(**fields).pk])

    return visit


def own_piece(**fields: object) -> Visit:
    def visit(client: Client) -> str:
        user = a_user()
        client.force_login(user)
        return reverse("composition", args=[a_queued_composition(maker=a_maker(user=user), **fields).pk])

    return visit


def full_library(client: Client) -> str:
    user = a_user()
    client.force_login(user)
    maker = a_maker(user=user)
    a_ready_composition(maker=maker)
    a_queued_composition(maker=maker, state=Composition.State.COMPOSING, progress=40)
    return reverse("library")


def full_shop(client: Client) -> str:
    a_listed_composition()
    a_listed_composition(sale_state=Composition.SaleState.SOLD)
    return reverse("shop")


def a_model_card(client: Client) -> str:
    sync_instruments()
    return reverse("model_card", args=["piano"])


def full_home(client: Client) -> str:
    a_listed_composition()
    a_listed_composition()
    return reverse("home")


def buying(client: Client) -> str:
    client.force_login(a_user())
    return reverse("buy", args=[a_listed_composition().pk])


def own_certificate(name: str) -> Visit:
    def visit(client: Client) -> str:
        right = a_right()
        client.force_login(right.holder)
        return reverse(name, args=[right.certificate.pk])

    return visit


def a_score(client: Client) -> str:
    certificate = a_right().certificate
    DeliveredFile.objects.create(certificate=certificate, name="score-drawing.json", size=1, sha256="0" * 64)
    client.force_login(certificate.holder)
    return reverse("score", args=[certificate.pk])


def replaced_certificate(name: str) -> Visit:
    def visit(client: Client) -> str:
        right = a_right()
        client.force_login(right.holder)
        old = right.certificate
        Certificate.objects.filter(pk=old.pk).update(
            document="{}", signature="x", key_id="x", signed_at=old.issued_at
        )
        transfer_right(user=right.holder, copyright_id=old.pk, licensee="A client")
        return reverse(name, args=[old.pk])

    return visit


def empty_shop_filter(client: Client) -> str:
    a_listed_composition()
    return reverse("shop") + "?mood=calm&tempo=fast&instrument=theremin"


def own_ready_piece(client: Client) -> str:
    user = a_user()
    client.force_login(user)
    piece = a_ready_composition(maker=a_maker(user=user))
    a_listed_composition()
    make_link(composition=piece, days=7)
    return reverse("composition", args=[piece.pk])


def a_family(client: Client) -> str:
    user = a_user()
    client.force_login(user)
    first = a_ready_composition(maker=a_maker(user=user))
    made = {"maker": first.maker, "origin": first, "parent": first}
    a_ready_composition(kind="variation", from_bar=5, **made)
    a_queued_composition(kind="cut", ordered_seconds=15, **made)
    return reverse("composition", args=[first.pk])


def a_version_that_failed(client: Client) -> str:
    first = a_listed_composition()
    made = {"kind": "cut", "origin": first, "parent": first}
    return own_piece(state=Composition.State.FAILED, error="Too near.", **made)(client)


def shared(**fields: object) -> Visit:
    def visit(client: Client) -> str:
        piece = a_ready_composition()
        make_link(composition=piece, days=7)
        token = open_links(piece)[0].token
        Composition.objects.filter(pk=piece.pk).update(**fields)
        return reverse("shared", args=[token])

    return visit


def purchase(name: str, *deeds: Callable[[Shop, Purchase], object]) -> Visit:
    """A purchase on hold, after what is done to it."""

    def visit(client: Client) -> str:
        shop = Shop.open()
        # The rows of a page's test are never committed, which the gateway would refuse.
        with mock.patch.object(gateway, "connection", SimpleNamespace(in_atomic_block=False)):
            held = shop.start()
            for deed in deeds:
                deed(shop, held)
        client.force_login(held.buyer)
        return reverse(name, args=[held.session_id if name == "test_checkout" else held.pk])

    return visit


def asking_for_a_mail(client: Client) -> str:
    maker = a_maker()
    session = client.session
    session[SESSION_KEY] = str(maker.pk)
    session.save()
    return reverse("composition_mail", args=[a_queued_composition(maker=maker).pk])


def full_favourites(client: Client) -> str:
    user = a_user()
    client.force_login(user)
    keep_favourite(composition=a_listed_composition(), maker=a_maker(user=user))
    return reverse("favourites")


def drawn_pair(**fields: object) -> Visit:
    def visit(client: Client) -> str:
        user = a_user()
        client.force_login(user)
        pieces = [a_listed_composition(), a_listed_composition()]
        pair = draw_pair(maker=a_maker(user=user))
        Composition.objects.filter(pk=pieces[0].pk).update(**{"sale_state": "available"} | fields)
        return reverse("listen_pair", args=[pair.pk])

    return visit


def is_sold(shop: Shop, held: Purchase) -> None:
    shop.stripe.pay(held.session_id)
    services.settle(purchase_id=held.pk)


def is_delivered(shop: Shop, held: Purchase) -> None:
    signed = {"document": "{}", "signature": "x", "key_id": "x", "signed_at": held.created_at}
    Certificate.objects.filter(right__purchase_id=held.pk).update(**signed)


def is_withdrawn(shop: Shop, held: Purchase) -> None:
    services.withdraw(purchase=held)


def deleting_the_account(client: Client) -> str:
    right = a_right()
    client.post(reverse("account_login"), {"login": right.holder.email, "password": PASSWORD})
    return reverse("account_delete")


PAGES: dict[str, Visit] = {
    "home, empty": address("home"),
    "home": full_home,
    "how it works": address("how_it_works"),
    "terms": address("terms"),
    "terms of a version": lambda client: reverse("terms_version", args=[settings.TERMS_VERSION]),
    "privacy": address("privacy"),
    "imprint": address("imprint"),
    "status": address("status"),
    "models": address("models"),
    "model card": a_model_card,
    "corpus": address("corpus"),
    "corpus, nothing found": lambda client: reverse("corpus") + "?q=nobody+at+all",
    "compose without instruments": address("compose"),
    "shop, empty": address("shop"),
    "shop": full_shop,
    "shop, nothing fits": empty_shop_filter,
    "favourites, empty": address("favourites"),
    "favourites": full_favourites,
    "one's own piece": own_ready_piece,
    "a family": a_family,
    "a version that failed": a_version_that_failed,
    "shared": shared(),
    "shared and sold": shared(sale_state="sold"),
    "shared and retired": shared(sale_state="retired"),
    "listening panel": address("listen"),
    "a pair": drawn_pair(),
    "a pair that is gone": drawn_pair(sale_state="sold"),
    "library of a guest": address("library"),
    "library": full_library,
    "library, nothing found": lambda client: full_library(client) + "?q=nothing",
    "deleting": lambda client: own_piece(state=Composition.State.FAILED)(client) + "delete/",
    "queued": own_piece(),
    "composing": own_piece(state=Composition.State.COMPOSING, progress=40, notes=80),
    "failed": own_piece(state=Composition.State.FAILED, error="The sampler is missing."),
    "cancelled": own_piece(state=Composition.State.CANCELLED),
    "asking for a mail": asking_for_a_mail,
    "listening": piece(),
    "on hold": piece(sale_state=Composition.SaleState.ON_HOLD),
    "sold": piece(sale_state=Composition.SaleState.SOLD),
    "retired": piece(sale_state=Composition.SaleState.RETIRED),
    "buying": buying,
    "certificate lookup": address("certificate_lookup"),
    "certificate mistyped": lambda client: reverse("certificate_lookup") + "?id=nonsense",
    "certificate nobody knows": lambda client: reverse("certificate", args=["SLS-0000-0000-0000"]),
    "certificate": own_certificate("certificate"),
    "certificate that was replaced": replaced_certificate("certificate"),
    "score": a_score,
    "transfer": own_certificate("certificate_transfer"),
    "transfer of what was replaced": replaced_certificate("certificate_transfer"),
    "complaints": address("complain"),
    "register, empty": address("register"),
    "register": lambda client: (a_right(), reverse("register"))[1],
    "purchase on hold": purchase("purchase"),
    "purchase, sold": purchase("purchase", is_sold),
    "purchase, withdrawn": purchase("purchase", is_sold, is_withdrawn),
    "withdrawal": purchase("purchase_withdraw", is_sold),
    "withdrawal, too late": purchase("purchase_withdraw", is_sold, is_delivered),
    "withdrawal, done": purchase("purchase_withdraw", is_sold, is_withdrawn),
    "withdrawal of nothing": purchase("purchase_withdraw"),
    "test checkout": purchase("test_checkout"),
    "test checkout, paid": purchase("test_checkout", is_sold),
    "nothing there": lambda client: "/nothing-there/",
    "sign in": address("account_login"),
    "sign up": address("account_signup"),
    "password reset": address("account_reset_password"),
    "e-mail": signed_in("account_email"),
    "password": signed_in("account_change_password"),
    "second factor": signed_in("mfa_index"),
    "sessions": signed_in("usersessions_list"),
    "language": signed_in("account_language"),
    "delete the account": deleting_the_account,
    "sign out": signed_in("account_logout"),
    "mailbox": address("dev_mailbox"),
}


NOT_THERE = {
    "certificate mistyped", "certificate nobody knows", "nothing there", "shared and sold", "shared and retired",
}  # fmt: skip

NO_PAGES = {
    "api_token", "api_token_revoke", "certificate_json", "certificate_pdf", "composition_cancel",
    "composition_favourite", "composition_opening", "composition_preview", "composition_rating", "composition_share",
    "composition_status", "composition_title", "composition_unshare", "composition_versions", "composition_visibility",
    "corpus_json", "dev_mail", "download", "download_link", "extra_request", "healthz", "library_archive",
    "listen_preview", "metrics", "model_card_json", "personal_data", "purchase_cancel", "purchase_return", "readyz",
    "register_entries", "register_head", "set_language", "shared_preview", "shop_states", "signing_keys",
    "staff_health", "staff_panel", "stripe_webhook",
}  # fmt: skip
"""Addresses that answer with a file, with JSON or with a way on, and the staff's page, which has the admin's head."""

STEPS_OF_ALLAUTH = ("account_", "mfa_")
"""Its pages share the layout of those that have a row here."""


def addresses(resolver: Any) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if not isinstance(pattern, URLResolver):
            yield pattern.name
        elif not str(pattern.pattern).startswith(("admin/", "api/")):
            yield from addresses(pattern)


def test_every_address_has_a_row_here(client: Client) -> None:
    """Whoever adds a page writes it into this file."""
    seen = {
        resolve(urlsplit(visit(client)).path).url_name
        for label, visit in PAGES.items()
        if label != "nothing there"
    }
    ours = {name for name in addresses(get_resolver()) if not name.startswith(STEPS_OF_ALLAUTH)} | {
        "account_delete"
    }
    assert (ours | {"account_delete"}) - seen == NO_PAGES


@pytest.fixture(params=list(PAGES))
def html(request: pytest.FixtureRequest, client: Client) -> str:
    answer = client.get(PAGES[request.param](client))
    gone = (404, 410) if request.param in NOT_THERE else (200,)
    assert answer.status_code in gone
    return answer.content.decode()


@pytest.fixture
def page(html: str) -> Page:
    return Page(html)


def test_a_page_has_one_heading_its_landmarks_and_a_way_past_the_head(page: Page) -> None:
    assert len(page.all("h1")) == 1
    assert [main["id"] for main in page.all("main")] == ["main"]
    assert len(page.all("header")) >= 1
    assert len(page.all("footer")) == 1
    assert {"class": "skip-link", "href": "#main"} in page.all("a")
    assert page.all("html") == [{"lang": "en"}]


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(html: str, page: Page) -> None:
    assert not [attributes for _tag, attributes in page.elements if "style" in attributes]
    assert not page.all("style")
    for _tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
    for script in page.all("script"):
        assert script.get("src") or script.get("type") == "application/json"
    for attributes in page.all("script", "img", "link", "audio", "use", "iframe", "source"):
        for value in (attributes.get("src"), attributes.get("href")):
            assert value is None or value.startswith(("/", "#", "data:image/")), value
    assert not re.search(r"{[{%]|\bNone\b", html), "a template tag or an empty value shows through"


def test_every_control_has_a_name_and_every_reference_leads_somewhere(page: Page) -> None:
    labelled = {label.get("for") for label in page.all("label")}
    for control in page.all("input", "select", "textarea"):
        if control.get("type") in {"hidden", "submit"} or control.get("tabindex") == "-1":
            continue
        inside_a_label = "data-volume" in control
        assert inside_a_label or control.get("aria-label") or control.get("id") in labelled, control
    ids = page.ids
    assert len(ids) == len(set(ids)), "an id is used twice"
    for _tag, attributes in page.elements:
        for name in ("for", "aria-describedby", "aria-labelledby", "form"):
            for reference in (attributes.get(name) or "").split():
                assert reference in ids, f"{name}={reference} leads nowhere"


def test_every_page_says_that_a_network_composes(html: str) -> None:
    assert "composed by a network" in html
