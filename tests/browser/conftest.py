"""A whole shop for the browser: the real web server and the real worker, in a folder of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from marketplace import bench

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shop keeps everything it writes."""
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="session")
def shop(shop_folder: Path) -> Iterator[str]:
    """Prepare and serve an empty shop; yields its address."""
    # The spoken tags and unpacked fonts of the test run serve here as well; they only cost time.
    with bench.served(settings.BASE_DIR, var=shop_folder) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of the system, without a window."""
    program = bench.chromium()
    if program is None:
        pytest.fail("No Chromium was found; install the package chromium (make test does where it may).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


class Person:
    """Someone at a browser: a page of their own, and every complaint the browser had about it."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(20_000)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        self.page.on("console", self._listen)

    def _listen(self, message: object) -> None:
        # A refused script or style, and a missing file, are said on the console only.
        if message.type == "error":  # type: ignore[attr-defined]
            self.complaints.append(f"{self.page.url}: {message.text}")  # type: ignore[attr-defined]


@pytest.fixture
def person(browser: Browser, shop: str) -> Iterator[object]:
    """Make people: each call is somebody else, with cookies of their own."""
    contexts: list[BrowserContext] = []

    def arrive(**options: object) -> Person:
        context = browser.new_context(base_url=shop, **options)
        contexts.append(context)
        return Person(context)

    yield arrive
    for context in contexts:
        context.close()
