"""More from a piece in a real browser: by the keyboard, and without a script."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.test_journey import COMPOSED_WITHIN, Arrive, compose


def test_a_variation_is_chosen_by_the_keyboard_and_compared_and_a_cut_needs_no_script(person: Arrive) -> None:
    visitor = person()
    page = visitor.page
    first = compose(page, instrument="guitar", seconds=30)
    page.locator("input[name=from_bar]").first.focus()
    page.keyboard.press("ArrowRight")
    bar = page.locator("input[name=from_bar]:checked").get_attribute("value")
    shown = page.locator(".more-new.is-chosen")
    expect(shown).to_have_count(1)
    assert shown.get_attribute("data-phrase") == bar
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: address.split("#")[0] != first)
    expect(page.get_by_role("link", name="Buy this piece")).to_be_visible(timeout=COMPOSED_WITHIN)
    family = page.locator(".take")
    expect(family.filter(has_text="you are here")).to_contain_text(f"Variation from bar {bar}")
    expect(family.filter(has_text="Take 1").locator(".player")).to_be_visible()

    plain = page.context.browser.new_context(
        base_url=first.split("/compositions")[0],
        java_script_enabled=False,
        storage_state=page.context.storage_state(),
    )
    tab = plain.new_page()
    tab.goto(first)
    tab.get_by_role("button", name="Compose the cut").click()
    expect(tab).to_have_url(re.compile(r"/compositions/[0-9a-f-]{36}/$"))
    assert tab.url != first
    expect(tab.get_by_role("heading", level=1)).to_contain_text(re.compile("Composing|cut no"))
    plain.close()
    assert visitor.complaints == []
