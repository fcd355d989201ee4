"""Every page and state of the site, asked by axe-core: light and dark, on a desk and on a phone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Browser

from marketplace import bench

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
LOOKS = {
    "a desk in the light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "a phone in the dark": {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"},
}


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A shop in which nothing moves, with every page and state in it: its address and its pages."""
    folder: Path = tmp_path_factory.mktemp("still")
    environment = {"SOLOSCORE_VAR_DIR": str(folder)}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=settings.BASE_DIR,
            env={**os.environ, **environment},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout

    for command in (("migrate",), ("createcachetable",), ("collectstatic", "--no-input")):
        run("manage.py", *command, "--verbosity", "0")
    pages = json.loads(run("-m", "tests.browser.still_pages").splitlines()[-1])
    serve = [sys.executable, "-m", "gunicorn", "marketplace.wsgi:application", "--threads", "4"]
    with bench.running(serve, folder=settings.BASE_DIR, environment=environment) as (address, _):
        yield address, pages


def test_axe_would_find_something(browser: Browser) -> None:
    tab = browser.new_page()
    tab.set_content(
        "<html lang=en><title>Bad</title><main><h1>Bad</h1><img src=x><button></button></main></html>"
    )
    found = {violation["id"] for violation in Axe().run(tab, options=RULES).response["violations"]}
    assert {"image-alt", "button-name"} <= found
    tab.close()


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    look: str, still: tuple[str, list[dict[str, str]]], browser: Browser
) -> None:
    address, pages = still
    found: list[str] = []
    for page in pages:
        options: dict[str, Any] = {**LOOKS[look], "base_url": address, "reduced_motion": "reduce"}
        context = browser.new_context(**options)
        if page["session"]:
            name = settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": page["session"], "url": address}])
        tab = context.new_page()
        tab.goto(page["address"])
        for violation in Axe().run(tab, options=RULES).response["violations"]:
            places = [node["html"][:120] for node in violation["nodes"]]
            found.append(f"{page['name']}: {violation['id']}: {places[:3]}")
        wide = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            found.append(f"{page['name']}: {wide} px wider than the screen")
        context.close()
    assert not found, "\n".join(found)
