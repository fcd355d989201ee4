"""Photograph the real pages into docs/screenshots: ``python -m tests.browser.screenshots`` (or ``make screenshots``).

A shop is started, a piece is composed in it and bought in the test checkout: what is on the pictures happened.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import django


def main() -> None:
    """Walk through the shop with a camera."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    django.setup()
    from django.conf import settings
    from playwright.sync_api import Page, expect, sync_playwright

    from marketplace import bench
    from tests.browser.conftest import CHROMIUM_FLAGS
    from tests.browser.test_journey import COMPOSED_WITHIN, DELIVERED_WITHIN, register

    folder = Path(settings.BASE_DIR) / "docs" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)

    def shoot(page: Page, name: str) -> None:
        page.wait_for_timeout(400)
        _write(page.screenshot(), path=folder / f"{name}.png")
        sys.stdout.write(f"{name}\n")

    with tempfile.TemporaryDirectory(prefix="soloscore-pictures-") as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=bench.chromium(), args=CHROMIUM_FLAGS)
        with bench.served(settings.BASE_DIR, var=Path(name)) as address:
            bench.wait_until_idle(Path(name))
            look: dict[str, Any] = {"base_url": address, "viewport": {"width": 1280, "height": 860}}
            context = browser.new_context(**look)
            page = context.new_page()
            page.goto("/")
            shoot(page, "landing")
            page.goto("/compose/")
            shoot(page, "compose")
            page.locator("input[name=instrument][value=piano]").check(force=True)
            page.locator("input[name=seconds][value='60']").check(force=True)
            page.get_by_role("button", name="Compose it").click()
            expect(page.locator("[data-live-roll]")).to_be_visible(timeout=COMPOSED_WITHIN)
            page.wait_for_timeout(1200)
            shoot(page, "waiting")
            expect(page.locator(".take .player")).to_be_visible(timeout=COMPOSED_WITHIN)
            page.locator(".player-large [data-play]").click()
            page.wait_for_timeout(6000)
            shoot(page, "listening")
            page.locator(".player-large [data-play]").click()
            piece = page.url
            page.locator(".takes").scroll_into_view_if_needed()
            shoot(page, "two-takes")
            page.goto("/shop/")
            shoot(page, "shop")
            page.goto(piece)
            page.get_by_role("link", name="Buy this piece").click()
            register(page, "buyer@example.com")
            page.locator("input[name=licensee]").fill("Ada Lovelace Ltd")
            shoot(page, "buying")
            for consent in page.locator("input[type=checkbox]").all():
                consent.check()
            page.get_by_role("button", name=re.compile("^Pay")).click()
            shoot(page, "test-checkout")
            page.locator("button[name=action][value=pay]").click()
            everything = page.get_by_role("link", name=re.compile("Download everything"))
            expect(everything).to_be_visible(timeout=DELIVERED_WITHIN)
            shoot(page, "bought")
            copyright_id = page.locator(".copyright-id").inner_text()
            page.get_by_role("link", name="Follow the score").click()
            expect(page.locator(".score-pages svg").first).to_be_visible(timeout=20_000)
            page.locator(".score-sound audio").evaluate("audio => audio.play()")
            expect(page.locator(".sounding").first).to_be_attached()
            page.wait_for_timeout(5000)
            shoot(page, "score")
            page.goto(f"/certificates/{copyright_id}/")
            shoot(page, "certificate")
            page.goto("/library/")
            shoot(page, "library")
            phone: dict[str, Any] = {
                "base_url": address, "viewport": {"width": 320, "height": 640}, "color_scheme": "dark",
                "device_scale_factor": 2,
            }  # fmt: skip
            narrow = browser.new_context(**phone).new_page()
            for path, label in (("/", "landing"), ("/compose/", "compose"), ("/shop/", "shop")):
                narrow.goto(path)
                shoot(narrow, f"{label}-phone-dark")
        browser.close()


def _write(picture: bytes, *, path: Path) -> None:
    """Write a screenshot in 128 colours: a third of the bytes, and the eye sees no difference on these pages."""
    from PIL import Image

    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
