"""One bar for all pages: what plays goes on from page to page, and everything else is as it was without it."""

from __future__ import annotations

import re
from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Person
from tests.browser.test_access import RULES
from tests.browser.test_journey import compose

Arrive = Callable[..., Person]

PLAYING = "[...document.querySelectorAll('audio')].find(a => !a.paused)"


def come_to(page: Page, address: str) -> None:
    """See the page at ``address`` come under the bar: the document stays, focus and title are said."""
    expect(page).to_have_url(re.compile(f"{address}$"))
    page.wait_for_function("() => document.querySelector('[data-bar-said]').textContent === document.title")
    assert page.evaluate("window.stays") is True
    assert page.evaluate("document.activeElement.localName") == "main"


def goes_on(page: Page, *, since: float) -> float:
    """Hear that one sound plays, and how far it has come since ``since`` seconds of it."""
    page.wait_for_function(f"since => {PLAYING}?.currentTime > since + 0.2", arg=since)
    assert page.evaluate("[...document.querySelectorAll('audio')].filter(a => !a.paused).length") == 1
    return float(page.evaluate(f"{PLAYING}.currentTime"))


def test_the_sound_goes_on_over_the_pages_back_and_forward(person: Arrive) -> None:
    somebody = person(reduced_motion="reduce")
    page = somebody.page
    page.set_default_timeout(30_000)
    address = compose(page, instrument="guitar", seconds=60)
    page.goto(address)
    page.evaluate("window.stays = true")
    bar = page.locator("[data-bar]")
    nav = page.locator(".site-nav")
    expect(bar).to_be_hidden()
    page.locator(".player-large [data-play]").click()
    heard = goes_on(page, since=0)
    expect(bar).to_be_visible()

    nav.get_by_role("link", name="Library").click()
    come_to(page, "/library/")
    heard = goes_on(page, since=heard)
    # Its own card plays it as well, and it is one sound: the card stops what the bar shows.
    card = page.locator(".piece", has=page.locator(".player[data-playing]"))
    expect(card).to_have_count(1)
    card.locator("[data-play]").click()
    expect(bar.locator("[data-bar-play]")).to_have_attribute("aria-label", re.compile("^Play: "))
    bar.locator("[data-bar-play]").click()
    expect(card).to_have_count(1)

    for name, path in {"Shop": "/shop/", "Your favourites": "/favourites/", "Soloscore": "/"}.items():
        page.get_by_role("link", name=name, exact=True).first.click()
        come_to(page, path)
        heard = goes_on(page, since=heard)
    page.go_back()
    come_to(page, "/favourites/")
    page.go_back()
    come_to(page, "/shop/")
    page.go_forward()
    come_to(page, "/favourites/")
    heard = goes_on(page, since=heard)
    assert "Favourites" in page.title()

    # A sound that is at its end stops by itself, so it is stopped before it is moved there.
    bar.locator("[data-bar-play]").click()
    bar.locator("[data-bar-position]").focus()
    page.keyboard.press("End")
    page.wait_for_function("() => document.querySelector('[data-bar-position]').value > 55")
    page.keyboard.press("Home")
    page.wait_for_function("() => document.querySelector('[data-bar-position]').value < 5")
    bar.locator("[data-bar-play]").click()
    goes_on(page, since=0)
    for _ in (1, 2):
        found = Axe().run(page, options=RULES).response["violations"]
        assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found] == []
        page.set_viewport_size({"width": 320, "height": 640})
        page.emulate_media(color_scheme="dark")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    bar.locator("[data-bar-title]").click()
    come_to(page, re.escape(address.split("/", 3)[3]))
    expect(page.locator(".player-large")).to_have_attribute("data-playing", "")

    bar.get_by_role("button", name="Close the player").click()
    expect(bar).to_be_hidden()
    assert page.evaluate(f"{PLAYING} === undefined")
    # Pages that are no part of it are loaded as ever.
    nav.get_by_role("link", name="Compose").click()
    expect(page).to_have_url(re.compile("/compose/$"))
    assert page.evaluate("window.stays") is None
    assert somebody.complaints == []


def test_a_heart_is_bound_once_on_every_visit(person: Arrive) -> None:
    somebody = person()
    page = somebody.page
    address = compose(page, instrument="piano", seconds=15)
    page.goto(address)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    heart = page.locator(".listening-marks [data-heart] button")
    for _visit in (1, 2):
        page.locator(".site-nav").get_by_role("link", name="Library").click()
        expect(page).to_have_url(re.compile("/library/$"))
        page.go_back()
        expect(page).to_have_url(address)
        # What the heart shows is not asked: the other take may arrive at this moment and bring the page anew.
        with page.expect_response(lambda answer: answer.request.method == "POST" and answer.ok):
            heart.click()
        page.wait_for_load_state("networkidle")
    assert len(sent) == 2
    assert somebody.complaints == []
