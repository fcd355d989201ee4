"""What we give partners, run as they would: the client's journey, the guide's lines, and the page to try things out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

GUIDE = settings.BASE_DIR / "docs" / "partners"
PATIENCE_SECONDS = 540


@pytest.fixture(scope="module")
def sandbox(shop: str, shop_folder: Path) -> tuple[str, str]:
    """A sandbox partner's id and secret, made as staff make them."""
    made = subprocess.run(
        [sys.executable, "manage.py", "create_partner", "Acme", "--sandbox"],
        cwd=settings.BASE_DIR, env={**os.environ, "SOLOSCORE_VAR_DIR": str(shop_folder)},
        check=True, text=True, capture_output=True,
    )  # fmt: skip
    known = dict(line.split(": ", 1) for line in made.stdout.splitlines() if line.startswith("client_"))
    return known["client_id"], known["client_secret"]


def run(command: list[str], *, folder: Path, **variables: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **variables},
        check=False, text=True, capture_output=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_journey_leads_from_the_token_to_the_files(
    shop: str, sandbox: tuple[str, str], tmp_path: Path
) -> None:
    said = run([sys.executable, str(GUIDE / "journey.py"), shop, *sandbox, str(tmp_path)], folder=tmp_path)
    assert "account: sandbox" in said
    assert "certificate: valid Bakery Krume" in said
    assert (tmp_path / "preview.mp3").stat().st_size > 10_000
    with zipfile.ZipFile(tmp_path / "everything.zip") as archive:
        names = {Path(name).name for name in archive.namelist()}
        assert archive.testzip() is None
    assert {"master.wav", "master.flac", "master.mp3", "score.mid", "score.musicxml", "score.pdf"} <= names
    assert "TEST — no legal effect" in (tmp_path / "certificate.json").read_text()


def test_the_guides_lines_do_what_they_say(shop: str, sandbox: tuple[str, str], tmp_path: Path) -> None:
    lines = "\n".join(re.findall(r"```bash\n(.*?)```", (GUIDE / "README.md").read_text(), re.DOTALL))
    assert lines.count("curl") >= 8
    client_id, secret = sandbox
    run(["bash", "-euo", "pipefail", "-c", lines], folder=tmp_path, SITE=shop, ID=client_id, SECRET=secret)
    assert zipfile.is_zipfile(tmp_path / "everything.zip")


def test_operations_are_tried_out_on_the_page(
    person: Callable[..., object], sandbox: tuple[str, str], tmp_path: Path
) -> None:
    visitor = person()
    page = visitor.page  # type: ignore[attr-defined]
    page.set_default_timeout(
        120_000
    )  # the description is made anew for the page, which is slow on a busy machine
    page.goto("/api/docs/")
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".dialog-ux")
    form = dialog.locator(".auth-container", has_text="OAuth2").first
    form.locator("input[id^=client_id]").fill(sandbox[0])
    form.locator("input[id^=client_secret]").fill(sandbox[1])
    form.get_by_role("button", name="Apply given OAuth2 credentials").click()
    form.get_by_role("button", name="Remove authorization").wait_for()
    dialog.locator(".close-modal").click()
    operation = page.locator("#operations-account-get_account")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table")
    answer.get_by_text('"sandbox"').wait_for()
    page.screenshot(path=str(tmp_path / "docs.png"), full_page=False)
    assert visitor.complaints == []  # type: ignore[attr-defined]
