"""What a first visit weighs and how soon it is seen, in a real browser on this machine.

Largest contentful paint and layout shift are those of the browser itself (W3C Largest Contentful Paint, Layout
Instability). The browser is driven by what the tests are driven by, so this part needs ``requirements-dev.txt``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from marketplace.bench import Figure, chromium, served, wait_until_idle

VISITS = 5
SETTLED_MILLISECONDS = 800

WATCH = """
window.seen = { paint: 0, shift: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.seen.paint = entry.startTime;
}).observe({ type: "largest-contentful-paint", buffered: true });
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.seen.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


def seeing(source: Path) -> Iterator[Figure]:
    """Visit landing and listening page, each time as somebody new."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="soloscore-bench-") as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(),
            args=["--no-sandbox", "--disable-gpu", "--disable-quic"],
        )
        with served(source, var=Path(name)) as address:
            wait_until_idle(Path(name))
            piece = _a_piece_for_sale(browser, address)
            for label, path in (("landing", "/"), ("listening page", piece)):
                visits = [_visit(browser, address, path=path) for _ in range(VISITS)]
                yield from _figures(label, visits, address=address)
        browser.close()


def _a_piece_for_sale(browser: Any, address: str) -> str:
    page = browser.new_page()
    page.goto(address + "/shop/")
    path: str = page.locator(".piece-name a").first.get_attribute("href")
    page.close()
    return path


def _visit(browser: Any, address: str, *, path: str) -> dict[str, Any]:
    """What came over the wire, from where, and what the browser saw."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.add_init_script(WATCH)
    sizes: list[float] = []
    hosts: set[str] = set()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(address + path, wait_until="networkidle")
    page.wait_for_timeout(SETTLED_MILLISECONDS)
    seen: dict[str, Any] = page.evaluate("window.seen")
    context.close()
    return {**seen, "bytes": sum(sizes), "hosts": hosts}


def _figures(label: str, visits: list[dict[str, Any]], *, address: str) -> Iterator[Figure]:
    heaviest = max(visit["bytes"] for visit in visits) / 1024
    others = set().union(*(visit["hosts"] for visit in visits)) - {urlsplit(address).netloc, ""}
    paint = sorted(visit["paint"] for visit in visits)[len(visits) // 2] / 1000
    shift = max(visit["shift"] for visit in visits)
    yield Figure(f"first visit of the {label}, over the wire", heaviest, "KiB", "≤ 150", heaviest <= 150)
    yield Figure(f"{label}: requests to other hosts", len(others), "", "0", not others)
    yield Figure(f"{label}: largest contentful paint, median of {VISITS}", paint, "s", "≤ 1", paint <= 1)
    yield Figure(f"{label}: layout shift, largest", shift, "", "≤ 0.05", shift <= 0.05)
