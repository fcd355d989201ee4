"""A buyer's whole way in a real browser, against the real web server, worker and test checkout."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Person

Arrive = Callable[..., Person]

COMPOSED_WITHIN = 120_000
DELIVERED_WITHIN = 120_000
PASSWORD = "correct-horse-battery"


def compose(page: Page, *, instrument: str, seconds: int) -> str:
    """Order a piece as anybody would; returns the address of its page once it can be heard."""
    page.goto("/compose/")
    page.locator(f"input[type=radio][name=instrument][value={instrument}]").check()
    page.locator(f"input[type=radio][name=seconds][value='{seconds}']").check()
    page.get_by_role("button", name="Compose it").click()
    expect(page).to_have_url(re.compile(r"/compositions/[0-9a-f-]{36}/$"))
    expect(page.get_by_role("link", name="Buy this piece")).to_be_visible(timeout=COMPOSED_WITHIN)
    return page.url


def mailed_code(page: Page) -> str:
    """Read the newest code in development's mailbox, as the person at ``page`` would in theirs."""
    mailbox = page.context.new_page()
    mailbox.goto("/dev/mailbox/")
    code = re.search(r"^\s*([A-Z0-9]{3,5}-?[A-Z0-9]{3,5})\s*$", mailbox.inner_text("main"), re.M)
    assert code, mailbox.inner_text("main")
    mailbox.close()
    return code[1]


def register(page: Page, email: str) -> None:
    """Sign up on the page shown, with the code from the mail."""
    page.get_by_role("main").get_by_role("link", name="Sign up").click()
    page.locator("input[name=email]").fill(email)
    page.locator("input[name=password1]").fill(PASSWORD)
    page.get_by_role("main").locator("button[type=submit]").first.click()
    code_box = page.locator("input[name=code]")
    expect(code_box).to_be_visible()
    code_box.fill(mailed_code(page))
    page.get_by_role("main").locator("button[type=submit]").first.click()


def seconds_heard(page: Page) -> float:
    """Let the preview play for a moment; returns how far the sound has come."""
    page.locator(".player button").first.click()
    page.wait_for_function(
        "() => { const a = document.querySelector('audio'); return a && a.currentTime > 0.5 }"
    )
    heard = page.evaluate("document.querySelector('audio').currentTime")
    page.locator(".player button").first.click()
    return float(heard)


def test_a_guest_composes_listens_registers_buys_and_downloads_and_nobody_else_can(
    person: Arrive, tmp_path: Path
) -> None:
    buyer = person()
    page = buyer.page
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    address = compose(page, instrument="guitar", seconds=15)
    assert seconds_heard(page) > 0.5

    # Somebody else cannot even see it: the maker has the first refusal for a day.
    stranger = person()
    assert stranger.page.goto(address).status == 404

    # A page that is left open learns what becomes of its piece.
    left_open = page.context.new_page()
    left_open.goto(address)
    expect(left_open.get_by_role("link", name="Buy this piece")).to_be_visible()

    page.get_by_role("link", name="Buy this piece").click()
    register(page, "buyer@example.com")
    expect(page).to_have_url(re.compile(r"/buy/$"))
    page.locator("input[name=licensee]").fill("Ada Lovelace Ltd")
    for consent in page.locator("input[type=checkbox]").all():
        assert not consent.is_checked()
        consent.check()
    page.get_by_role("button", name=re.compile("^Pay")).click()
    expect(page).to_have_url(re.compile(r"/test-checkout/"))
    page.locator("button[name=action][value=pay]").click()

    expect(page.get_by_role("heading", name="It is yours")).to_be_visible()
    everything = page.get_by_role("link", name=re.compile("Download everything"))
    expect(everything).to_be_visible(timeout=DELIVERED_WITHIN)
    copyright_id = page.locator(".copyright-id").inner_text()
    with page.expect_download() as waiting:
        everything.click()
    archive = tmp_path / "everything.zip"
    waiting.value.save_as(archive)
    with zipfile.ZipFile(archive) as files:
        assert files.testzip() is None
        names = {Path(name).name for name in files.namelist()}
        certificate = next(name for name in files.namelist() if name.endswith("certificate.json"))
        assert copyright_id in json.dumps(json.loads(files.read(certificate)))
        master = files.read(next(name for name in files.namelist() if name.endswith("master.wav")))
    assert {"master.wav", "master.flac", "master.mp3", "score.mid", "score.musicxml", "score.pdf"} <= names

    expect(left_open.get_by_role("heading", name="Sold", exact=True)).to_be_visible(timeout=40_000)
    expect(left_open.locator(".listening-head .badge-sold")).to_be_visible()
    expect(left_open.get_by_role("link", name="Buy this piece")).to_have_count(0)

    page.goto("/library/")
    expect(page.get_by_role("main")).to_contain_text(copyright_id)

    # The second person sees that it is sold, can neither hear nor buy it, and can check the certificate.
    stranger.page.goto(address)
    expect(stranger.page.get_by_role("heading", name="Sold", exact=True)).to_be_visible()
    expect(stranger.page.get_by_role("link", name="Buy this piece")).to_have_count(0)
    assert stranger.page.request.get(address + "preview.mp3").status == 404
    stranger.page.goto(f"/certificates/{copyright_id}/")
    expect(stranger.page.get_by_role("main")).to_contain_text("valid", ignore_case=True)
    expect(stranger.page.get_by_role("main")).not_to_contain_text("Ada Lovelace Ltd")
    altered = bytes([master[0] ^ 1]) + master[1:]
    for name, content, answer in (
        ("song.wav", master, "This file is the one that was delivered as master.wav."),
        ("master.wav", altered, "This file is not the master.wav that was delivered: it was altered."),
        ("song.wav", altered, "This is not one of the delivered files."),
    ):
        file = {"name": name, "mimeType": "audio/wav", "buffer": content}
        stranger.page.get_by_label("File to check").set_input_files(file)
        expect(stranger.page.locator("#verify-result")).to_have_text(answer)

    assert buyer.complaints == []
    assert [c for c in stranger.complaints if "404" not in c] == []


def test_a_phone_keeps_every_page_within_its_width(person: Arrive) -> None:
    page = person(viewport={"width": 320, "height": 640}).page
    for path in (
        "/",
        "/compose/",
        "/shop/",
        "/library/",
        "/accounts/login/",
        "/accounts/signup/",
        "/certificates/",
        "/certificates/register/",
    ):
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 320, f"{path} is {width} px wide"


def test_composing_can_be_left_and_cancelled(person: Arrive) -> None:
    page = person().page
    page.goto("/compose/")
    page.locator("input[type=radio][name=seconds][value='90']").check()
    page.get_by_role("button", name="Compose it").click()
    address = page.url
    page.goto("/")
    page.goto(address)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()
