"""Which network composes: the staff puts one to use and goes back, and an upgrade leaves that as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AuditEntry
from generation import catalogue, worker
from generation.catalogue import sync_instruments
from generation.models import ComposerModel
from tests.factories import staff_client

pytestmark = pytest.mark.django_db


def a_release(folder: Path, *, version: str, digest: str) -> Path:
    (folder / "piano").mkdir(parents=True)
    card = {"version": version, "sha256": {"weights.npz": digest * 64, "ledger.json": "0" * 64}}
    (folder / "piano" / "card.json").write_text(json.dumps(card))
    return folder


@pytest.fixture
def shipped(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release that ships, and an older one that is kept."""
    settings.MODELS_DIR = tmp_path / "models"
    folder = a_release(tmp_path / "shipped", version="v2", digest="2")
    a_release(settings.MODELS_DIR / "before", version="v1", digest="1")
    monkeypatch.setattr(catalogue, "PRETRAINED", folder)
    sync_instruments(folder)
    return folder


def in_use() -> str:
    return ComposerModel.objects.get(instrument="piano", is_active=True).version


def activate(version: str, reason: str = "it sounds better") -> None:
    key = ComposerModel.objects.get(version=version).pk
    form = {"action": "activate", "reason": reason, "_selected_action": [str(key)]}
    assert staff_client().post(reverse("admin:generation_composermodel_changelist"), form).status_code == 302


def test_going_back_and_forth_is_one_action_with_a_reason_and_an_upgrade_keeps_it(shipped: Path) -> None:
    assert in_use() == "v2"
    activate("v1", reason=" ")
    assert in_use() == "v2"
    for _ in range(2):
        activate("v1")
    assert in_use() == "v1"
    [entry] = AuditEntry.objects.all()
    assert (entry.before, entry.after, entry.reason) == (
        {"in use": "piano v2"}, {"in use": "piano v1"}, "it sounds better",
    )  # fmt: skip
    sync_instruments(shipped)
    assert in_use() == "v1"
    activate("v2")
    assert in_use() == "v2"
    activate("v1")
    card = shipped / "piano" / "card.json"
    card.write_text(card.read_text().replace("v2", "v3").replace("2" * 64, "3" * 64))
    sync_instruments(shipped)
    assert in_use() == "v3", "what ships for the first time is put to use"


def test_a_network_that_is_not_installed_is_not_put_to_use(shipped: Path) -> None:
    ComposerModel.objects.create(
        instrument_id="piano", version="v0", weights_sha256="0" * 64, ledger_sha256="0" * 64
    )
    activate("v0")
    assert (in_use(), AuditEntry.objects.count()) == ("v2", 0)


@pytest.mark.usefixtures("shipped")
def test_the_worker_takes_the_network_in_use_at_once(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    taken: list[Path] = []

    def load(_instrument: str, folder: Path) -> None:
        taken.append(folder)

    monkeypatch.setattr(worker, "_loaded_from", load)
    worker._loaded("piano")
    activate("v1")
    worker._loaded("piano")
    assert taken == [catalogue.PRETRAINED, settings.MODELS_DIR / "before"]


def test_the_card_stands_beside_the_action(shipped: Path) -> None:
    key = ComposerModel.objects.get(version="v1").pk
    page = staff_client().get(reverse("admin:generation_composermodel_change", args=[key])).content.decode()
    assert 'value="activate"' in page
    assert "1" * 64 in page
