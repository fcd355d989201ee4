"""The journey for those without a mouse, without motion, with a narrow screen, and without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Person
from tests.browser.test_journey import COMPOSED_WITHIN, DELIVERED_WITHIN, PASSWORD, mailed_code

Arrive = Callable[..., Person]

MOST_STOPS = 120


def go_to(page: Page, place: Locator) -> None:
    """Press Tab until ``place`` has the focus, and see that it shows."""
    expect(place).to_be_visible()
    for _ in range(MOST_STOPS):
        if place.evaluate("element => element === document.activeElement"):
            outline = place.evaluate(
                "element => { const s = getComputedStyle(element); const l = element.labels?.[0]; "
                "const t = l ? getComputedStyle(l) : s; "
                "return [s, t].some(c => c.outlineStyle !== 'none' || c.boxShadow !== 'none') }"
            )
            assert outline, f"nothing shows that {place} has the focus"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{place} cannot be reached by Tab")


def press(page: Page, place: Locator, key: str = "Enter") -> None:
    go_to(page, place)
    page.keyboard.press(key)


def write(page: Page, place: Locator, text: str) -> None:
    go_to(page, place)
    page.keyboard.type(text)


def test_the_whole_journey_by_keyboard_on_a_narrow_screen_without_motion(person: Arrive) -> None:
    somebody = person(viewport={"width": 320, "height": 640}, reduced_motion="reduce")
    page = somebody.page
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    press(page, page.get_by_role("main").get_by_role("link", name="Compose a piece").first)
    go_to(page, page.locator("input[name=instrument]:checked"))
    page.keyboard.press("ArrowRight")
    expect(page.locator("input[name=instrument]").nth(1)).to_be_checked()
    go_to(page, page.locator("input[name=seconds]:checked"))
    page.keyboard.press("ArrowLeft")
    press(page, page.get_by_role("button", name="Compose it"))
    expect(page.get_by_role("link", name="Buy this piece")).to_be_visible(timeout=COMPOSED_WITHIN)

    press(page, page.locator(".player-large [data-play]"), "Space")
    page.wait_for_function("() => document.querySelector('.player-large audio').currentTime > 0.3")
    slider = page.locator(".player-large [data-position]")
    go_to(page, slider)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.player-large audio').currentTime > 5")
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('.player-large audio').paused")
    moving = page.evaluate(
        "[...document.querySelectorAll('*')].filter(e => getComputedStyle(e).animationName !== 'none').length"
    )
    assert moving == 0

    press(page, page.get_by_role("link", name="Buy this piece"))
    press(page, page.get_by_role("main").get_by_role("link", name="Sign up"))
    write(page, page.locator("input[name=email]"), "keys@example.com")
    write(page, page.locator("input[name=password1]"), PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("input[name=code]")).to_be_visible()
    write(page, page.locator("input[name=code]"), mailed_code(page))
    page.keyboard.press("Enter")
    write(page, page.locator("input[name=licensee]"), "Ada Lovelace Ltd")
    for consent in page.locator("input[type=checkbox]").all():
        press(page, consent, "Space")
    press(page, page.get_by_role("button", name=re.compile("^Pay")))
    press(page, page.locator("button[name=action][value=pay]"))
    everything = page.get_by_role("link", name=re.compile("Download everything"))
    expect(everything).to_be_visible(timeout=DELIVERED_WITHIN)
    go_to(page, everything)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert somebody.complaints == []


def test_the_forms_work_without_javascript(person: Arrive) -> None:
    somebody = person(java_script_enabled=False)
    page = somebody.page
    page.goto("/compose/")
    page.locator("input[name=seconds][value='15']").check(force=True)
    page.get_by_role("button", name="Compose it").click()
    # The page asks for itself every few seconds.
    buy = page.get_by_role("link", name="Buy this piece")
    expect(buy).to_be_visible(timeout=COMPOSED_WITHIN)
    expect(page.locator("audio[controls]").first).to_be_visible()
    page.locator("input[name=stars]").first.check(force=True)
    page.get_by_role("button", name="Rate this piece").click()
    expect(page.get_by_role("main")).to_contain_text("Your rating is kept")
    page.get_by_role("link", name="Buy this piece").click()
    page.get_by_role("main").get_by_role("link", name="Sign up").click()
    page.locator("input[name=email]").fill("plain@example.com")
    page.locator("input[name=password1]").fill(PASSWORD)
    page.get_by_role("main").locator("button[type=submit]").first.click()
    page.locator("input[name=code]").fill(mailed_code(page))
    page.get_by_role("main").locator("button[type=submit]").first.click()
    page.locator("input[name=licensee]").fill("Ada Lovelace Ltd")
    for consent in page.locator("input[type=checkbox]").all():
        consent.check()
    page.get_by_role("button", name=re.compile("^Pay")).click()
    page.locator("button[name=action][value=pay]").click()
    expect(page.get_by_role("link", name=re.compile("Download everything"))).to_be_visible(
        timeout=DELIVERED_WITHIN
    )
    page.goto("/library/")
    page.locator("input[name=q]").fill("Lovelace")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".owned-piece")).to_have_count(1)
