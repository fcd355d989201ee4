"""The page that stands in for Stripe while there is no key: pay, or play every other part a buyer can play.

Each button acts on the double and then posts the events that Stripe would send, signed, to our own webhook, so that the
code of the real thing runs. In production, and with a key, none of this exists.
"""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Callable
from urllib.error import URLError
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from payments import gateway
from payments.double.browser import Browser, CheckoutClosed
from payments.double.engine import Engine
from payments.double.store import Document
from payments.models import Purchase

log = logging.getLogger(__name__)

POST_TIMEOUT_SECONDS = 10
ROUNDS_AT_MOST = 5


def post_event(*, url: str, body: str, signature: str) -> None:
    """Post one signed event to our own webhook. Like Stripe, it does not mind an answer other than 200."""
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ValueError(f"{url} is not an address of the web.")
    request = urllib.request.Request(  # noqa: S310
        url, data=body.encode(), headers={"Stripe-Signature": signature, "Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=POST_TIMEOUT_SECONDS):  # noqa: S310
            pass
    except (URLError, TimeoutError) as error:
        log.warning("test checkout: the webhook did not take an event: %s", error)


poster: Callable[..., None] = post_event
"""What delivers an event; tests put the test client here."""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def checkout_page(request: HttpRequest, session_id: str) -> HttpResponse:
    """Show the stand-in for Stripe's page, and play what was chosen on it."""
    if not settings.TEST_CHECKOUT:
        raise Http404
    browser = Browser(Engine(settings.TEST_CHECKOUT_STORE))
    session = browser.session(session_id)
    if session is None:
        raise Http404
    if request.method == "POST":
        action = ACTIONS.get(request.POST.get("action", ""))
        if action is None:
            return _page(request, session, status=422)
        try:
            return action(request, browser, session)
        except CheckoutClosed:
            messages.info(request, _("This checkout is closed."))
            return redirect("test_checkout", session_id=session_id)
    return _page(request, session)


def _page(request: HttpRequest, session: Document, *, status: int = 200) -> HttpResponse:
    context = {
        "session": session,
        "purchase": Purchase.objects.select_related("composition").filter(session_id=session["id"]).first(),
        "actions": _choices(session) if session["status"] == "open" else [],
    }
    return render(request, "payments/test_checkout.html", context, status=status)


def _choices(session: Document) -> list[tuple[str, str, str]]:
    confirming = session["payment_state"] == "requires_action"
    return [
        ("pay", _("Confirm with the bank") if confirming else _("Pay"), _("The payment succeeds.")),
        ("decline", _("Decline"), _("The bank refuses the card; another one may be tried.")),
        ("3ds", _("3-D Secure"), _("The bank asks for one more confirmation.")),
        ("close", _("Pay and close the tab"), _("The buyer never comes back to the shop.")),
        ("expire", _("Let it expire"), _("The time for paying runs out.")),
        ("lose_webhook", _("Pay, but lose the webhook"), _("Stripe's message never arrives.")),
        ("deliver_twice", _("Pay, and deliver the webhook twice"), _("Stripe's message arrives two times.")),
    ]


def _pay(request: HttpRequest, browser: Browser, session: Document) -> HttpResponse:
    browser.pay(session["id"])
    _deliver(request, browser)
    return _to_shop(session)


def _decline(request: HttpRequest, browser: Browser, session: Document) -> HttpResponse:
    browser.decline(session["id"])
    _deliver(request, browser)
    messages.error(request, _("The bank declined the card. Nothing was charged."))
    return redirect("test_checkout", session_id=session["id"])


def _ask_3ds(request: HttpRequest, browser: Browser, session: Document) -> HttpResponse:
    browser.ask_3ds(session["id"])
    _deliver(request, browser)
    messages.info(request, _("The bank asks for one more confirmation."))
    return redirect("test_checkout", session_id=session["id"])


def _close(request: HttpRequest, browser: Browser, session: Document) -> HttpResponse:
    browser.pay(session["id"])
    _deliver(request, browser)
    messages.info(request, _("Paid, and the tab was closed: the shop learns it from the webhook alone."))
    return redirect("test_checkout", session_id=session["id"])


def _expire(request: HttpRequest, browser: Browser, session: Document) -> HttpResponse:
    browser.expire(session["id"])
    _deliver(request, browser)
    return _to_shop(session, "cancel_url")


def _lose_webhook(request: HttpRequest, browser: Browser, session: Document) -> HttpResponse:
    browser.pay(session["id"])
    for event in browser.undelivered():
        browser.delivered(event["id"])
    return _to_shop(session)


def _deliver_twice(request: HttpRequest, browser: Browser, session: Document) -> HttpResponse:
    browser.pay(session["id"])
    _deliver(request, browser, times=2)
    return _to_shop(session)


def _to_shop(session: Document, way: str = "success_url") -> HttpResponse:
    if not session[way].startswith(settings.SITE_URL):
        # A partner's site; the content security policy lets no form lead there.
        return redirect("test_checkout", session_id=session["id"])
    # Only the path: whoever opened the shop under another name of this machine stays there.
    return redirect(urlsplit(session[way]).path)


def _deliver(request: HttpRequest, browser: Browser, *, times: int = 1) -> None:
    """Post what is undelivered, and what our answers cause in turn."""
    url = request.build_absolute_uri(reverse("stripe_webhook"))
    secret = settings.STRIPE_WEBHOOK_SECRETS[0]
    for _round in range(ROUNDS_AT_MOST):
        events = browser.undelivered()
        if not events:
            return
        for event in events:
            body = json.dumps(event)
            for _time in range(times):
                poster(url=url, body=body, signature=gateway.signed(body, secret=secret))
            browser.delivered(event["id"])


ACTIONS: dict[str, Callable[[HttpRequest, Browser, Document], HttpResponse]] = {
    "pay": _pay,
    "decline": _decline,
    "3ds": _ask_3ds,
    "close": _close,
    "expire": _expire,
    "lose_webhook": _lose_webhook,
    "deliver_twice": _deliver_twice,
}
