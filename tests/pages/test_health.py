"""What the staff sees of the machine and the queue, and what a worker and a monitor say of missing sound."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from generation import tasks
from generation.audio import voices
from generation.models import Composition
from tests.factories import a_queued_composition, a_ready_composition, a_staff_user, a_user

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/health/"


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(a_staff_user())
    return client


def test_programs_fonts_and_licences_are_named(staff: Client) -> None:
    page = staff.get(ADDRESS)
    assertContains(page, "Everything that sound needs is here.")
    assertContains(page, "fpcalc version")
    assertContains(page, "FluidSynth runtime version")
    known = voices.build_of(voices.MUSESCORE_GENERAL)
    assertContains(page, known.sha256)
    assertContains(page, known.origin)
    assertContains(page, voices.MUSESCORE_GENERAL.licence)
    for voice in voices.VOICES.values():
        assertContains(page, f"<li>{voice.slug} {voice.program}</li>")


def test_what_is_missing_is_named_with_the_line_that_installs_it(
    staff: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(voices, "FONT_FOLDERS", (str(tmp_path),))
    page = staff.get(ADDRESS)
    assertContains(page, "apt-get install", count=len(voices.PROGRAMS) + 1)
    assertContains(page, "missing or broken", count=len(voices.PROGRAMS))
    assertNotContains(page, "Everything that sound needs")


def test_a_font_of_unknown_build_is_marked_even_where_it_is_allowed(
    staff: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "MuseScore_General.sf3").write_bytes(b"another build")
    monkeypatch.setenv(voices.FONT_FOLDER_VARIABLE, str(tmp_path))
    assertContains(staff.get(ADDRESS), "is damaged or not a build we know")
    monkeypatch.setenv(voices.ALLOW_UNKNOWN_VARIABLE, "1")
    page = staff.get(ADDRESS)
    assertNotContains(page, "is damaged or not a build we know")
    assertContains(page, "damaged or not known", count=1)


def test_the_queue_is_counted(staff: Client) -> None:
    waiting = [a_queued_composition() for _ in range(2)]
    Composition.objects.filter(pk=waiting[0].pk).update(created_at=timezone.now() - timedelta(minutes=7))
    a_queued_composition(state="composing", heartbeat_at=timezone.now())
    a_queued_composition(state="failed", finished_at=timezone.now())
    a_queued_composition(state="failed", finished_at=timezone.now() - timedelta(days=2))
    a_ready_composition()
    queue = staff.get(ADDRESS).context["queue"]
    assert (queue.waiting, queue.working, queue.failed, queue.unheard) == (2, 1, 1, 1)
    assertContains(staff.get(ADDRESS), "the first for 7\xa0minutes")


def test_only_staff_gets_there_and_finds_it_from_the_start_of_the_admin(staff: Client) -> None:
    assertContains(staff.get("/admin/"), f'href="{reverse("staff_health")}"')
    customer = Client()
    customer.force_login(a_user())
    for client in (Client(), customer):
        assert client.get(ADDRESS).status_code in {302, 403}


def test_a_worker_says_at_its_start_what_the_machine_lacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tasks.look_around()
    assert caplog.text == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    tasks.look_around()
    assert caplog.text.count("apt-get install") == len(voices.PROGRAMS)


def test_a_monitor_reads_what_is_missing_for_sound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert Client().get("/readyz").json()["sound"] == []
    monkeypatch.setenv("PATH", str(tmp_path))
    assert len(Client().get("/readyz").json()["sound"]) == len(voices.PROGRAMS)
