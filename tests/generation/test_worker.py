"""The worker: one claim, one piece, and nothing half-written whatever happens in between."""

from __future__ import annotations

import errno
import json
import os
import time
import uuid
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from pytest_django import Settings

from accounts.services import HOUSE_CLIENT
from accounts.webhooks.catalogue import EXAMPLES
from accounts.webhooks.models import WebhookEvent
from accounts.webhooks.services import create_endpoint
from generation import jobs, services, storage, worker
from generation.audio.errors import SoundUnavailable, StorageFull, UnknownFont
from generation.composer.compose import NotOriginalError
from generation.composer.model import MissingModelError
from generation.composer.score import Score
from generation.models import AudioPrint, Composition, WorkFingerprint
from generation.originality.report import Report
from generation.tasks import compose_composition
from tests.accounts.webhooks import a_partner
from tests.factories import a_maker, a_queued_composition
from tests.generation.stubs import PREVIEW_BYTES, Studio, a_melody

pytestmark = pytest.mark.django_db


def fresh(piece: Composition) -> Composition:
    return Composition.objects.get(pk=piece.pk)


def files_on_disk() -> list[str]:
    root = Path(default_storage.path("compositions"))
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def lapse(piece: Composition) -> None:
    Composition.objects.filter(pk=piece.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=31))


def test_a_queued_piece_becomes_ready_with_all_its_files_and_facts(studio: Studio) -> None:
    piece = a_queued_composition(ordered_seconds=30, seed=5)
    assert worker.run(piece.pk)
    piece = fresh(piece)
    assert (piece.state, piece.progress, piece.attempts, piece.claim) == ("ready", 100, 1, None)
    assert (piece.seconds, piece.bpm, piece.tonic, piece.mode, piece.metre) == (
        30.0,
        96.0,
        "D",
        "minor",
        "4/4",
    )
    assert piece.notes == 40
    assert piece.card_wave.count("M") == 64
    assert piece.card_roll.count("M") == len(piece.roll) == 1
    assert piece.fingerprint
    assert {path.name for path in storage.folder_of(piece.pk).iterdir()} == storage.NAMES
    assert storage.preview_path(piece).read_bytes() == PREVIEW_BYTES
    assert 0 <= piece.timings["opening_heard"] <= piece.timings["total"]
    assert piece.preview_sha256 == storage.sha256_of(storage.preview_path(piece))
    assert piece.master_sha256 == storage.sha256_of(storage.path_of(piece, storage.MASTER))
    assert storage.read_score(piece).notes == a_melody(5)
    assert isinstance(storage.read_score(piece), Score)
    assert bytes(piece.audio_print.words) == b"secret master.fl"
    assert list(storage.work_folders()) == []


def test_a_partner_is_told_of_a_ready_piece_once(studio: Studio, settings: Settings) -> None:
    settings.WEBHOOKS_TO_LOCALHOST = True
    maker = a_partner()
    create_endpoint(maker=maker, url="http://localhost:9/nobody")
    piece = a_queued_composition(maker=maker, ordered_seconds=30)
    assert worker.run(piece.pk)
    assert not worker.run(piece.pk)
    body = json.loads(WebhookEvent.objects.get().body)
    assert body["type"] == "composition.ready"
    assert list(body["data"]) == list(EXAMPLES["composition.ready"])
    assert body["data"] == {
        "composition": str(piece.pk),
        "state": "ready",
        "title": fresh(piece).title,
        "seconds": 30.0,
    }


def test_a_finished_piece_is_its_makers_alone_for_24_hours(studio: Studio) -> None:
    piece = a_queued_composition()
    worker.run(piece.pk)
    piece = fresh(piece)
    assert piece.listed_from - piece.finished_at == timedelta(hours=24)
    assert piece not in services.shop_compositions()


def test_the_houses_pieces_are_listed_at_once(studio: Studio) -> None:
    piece = a_queued_composition(maker=a_maker(client_id=HOUSE_CLIENT))
    worker.run(piece.pk)
    assert fresh(piece) in services.shop_compositions()


def test_every_wish_reaches_the_composer(studio: Studio) -> None:
    piece = a_queued_composition(
        mood="sad", wished_tonic="E-", wished_mode="minor", wished_bpm=66, density="sparse", register="low"
    )
    assert worker.run(piece.pk)
    order = studio.calls[0]["order"]
    assert (order.mood, order.tonic, order.mode, order.bpm) == ("sad", "E-", "minor", 66)
    assert (order.density, order.register, order.variant, order.temperature) == ("sparse", "low", 0, 1.0)


def test_warming_up_composes_once_with_the_first_model_that_loads(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(instrument: str) -> SimpleNamespace:
        if instrument == "piano":
            raise MissingModelError("no weights")
        return SimpleNamespace(instrument=instrument)

    monkeypatch.setattr(worker, "_loaded", loaded)
    writer = mock.Mock()
    monkeypatch.setattr(worker, "load_score_writer", writer)
    worker.warm_up()
    assert [(call["order"].instrument, call["order"].seconds) for call in studio.calls] == [("guitar", 5)]
    writer.assert_called_once_with()


def test_warming_up_is_silent_where_nothing_can_be_composed(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.while_composing = mock.Mock(side_effect=NotOriginalError("too near"))
    monkeypatch.setattr(worker, "load_score_writer", lambda: None)
    worker.warm_up()
    monkeypatch.setattr(worker, "_loaded", mock.Mock(side_effect=MissingModelError("no weights")))
    worker.warm_up()
    assert len(studio.calls) == 1


@pytest.mark.row("I2")
def test_a_second_delivery_does_nothing(studio: Studio) -> None:
    piece = a_queued_composition()
    assert worker.run(piece.pk)
    before = fresh(piece)
    assert not worker.run(piece.pk)
    assert fresh(piece).heartbeat_at == before.heartbeat_at
    assert len(studio.seeds) == 1


@pytest.mark.row("I2")
def test_a_delivery_during_the_work_does_nothing(studio: Studio) -> None:
    piece = a_queued_composition()
    studio.while_composing = lambda: worker.run(piece.pk) and None
    assert worker.run(piece.pk)
    assert len(studio.seeds) == 1
    assert fresh(piece).attempts == 1


def test_an_unknown_piece_is_left_alone(studio: Studio) -> None:
    assert not worker.run(uuid.uuid4())


@pytest.mark.parametrize("moment", ["while_composing", "while_opening", "while_rendering"])
def test_cancelling_stops_the_worker_and_leaves_no_file(studio: Studio, moment: str) -> None:
    piece = a_queued_composition()
    rendered = mock.Mock(return_value=None)
    studio.while_rendering = rendered
    setattr(studio, moment, lambda: services.cancel_composition(composition=piece) and None)
    with mock.patch.object(jobs, "WRITES_APART", 0):
        assert not worker.run(piece.pk)
    rendered.assert_not_called()
    assert fresh(piece).state == "cancelled"
    assert files_on_disk() == []
    assert not WorkFingerprint.objects.exists()


def test_cancelling_within_the_pause_between_two_writes_is_noticed_at_the_end(studio: Studio) -> None:
    piece = a_queued_composition()
    studio.while_rendering = lambda: services.cancel_composition(composition=piece) and None
    with mock.patch.object(jobs, "WRITES_APART", 3600):
        assert not worker.run(piece.pk)
    assert fresh(piece).state == "cancelled"
    assert files_on_disk() == []


def test_a_worker_that_lost_its_claim_writes_nothing_over_its_successor(studio: Studio) -> None:
    piece = a_queued_composition(seed=1)

    def lapse_and_let_another_finish() -> None:
        studio.while_rendering = lambda: None
        lapse(piece)
        services.sweep_compositions()
        assert worker.run(piece.pk)

    studio.while_rendering = lapse_and_let_another_finish
    assert not worker.run(piece.pk)
    done = fresh(piece)
    assert (done.state, done.attempts) == ("ready", 2)
    assert {path.name for path in storage.folder_of(piece.pk).iterdir()} == storage.NAMES
    assert done.master_sha256 == storage.sha256_of(storage.path_of(done, storage.MASTER))
    assert list(storage.work_folders()) == []


@pytest.mark.row("I3")
def test_kill_9_in_the_middle_ends_in_one_finished_piece(
    studio: Studio, django_capture_on_commit_callbacks: Any
) -> None:
    piece = a_queued_composition()
    dead = jobs.claim(piece.pk)
    assert dead is not None
    left_over = storage.work_folder_of(piece.pk, claim=dead.claim)
    left_over.mkdir(parents=True)
    (left_over / "master.flac").write_bytes(b"half")
    assert services.sweep_compositions()["lapsed"] == 0
    lapse(piece)
    with (
        mock.patch.object(compose_composition, "apply_async") as bell,
        django_capture_on_commit_callbacks(execute=True),
    ):
        assert services.sweep_compositions() == {"lapsed": 1, "rung": 0, "folders": 1, "parts": 0}
    bell.assert_called_once_with([str(piece.pk)], retry=False)
    assert worker.run(piece.pk)
    assert not worker.run(piece.pk)
    assert (fresh(piece).state, fresh(piece).attempts) == ("ready", 2)
    assert len(studio.seeds) == 1
    assert not left_over.exists()


def test_what_a_killed_worker_left_in_the_sound_cache_is_swept(settings: Settings, tmp_path: Path) -> None:
    settings.SOUND_CACHE_DIR = tmp_path / "cache"
    cache = tmp_path / "cache"
    left_overs = [cache / "fonts" / ".part-abc.sf2", cache / "tags" / ".part-def.wav"]
    kept = [cache / "fonts" / "piano.sf2", cache / "fonts" / ".part-being-written.sf2"]
    for path in left_overs + kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound")
    long_ago = time.time() - 3600
    for path in [*left_overs, kept[0]]:
        os.utime(path, (long_ago, long_ago))
    assert services.sweep_compositions()["parts"] == 2
    assert sorted(path for path in cache.rglob("*") if path.is_file()) == sorted(kept)


def test_a_worker_that_dies_between_rename_and_commit_is_replaced(studio: Studio) -> None:
    piece = a_queued_composition()
    residue = storage.folder_of(piece.pk)
    residue.mkdir(parents=True)
    (residue / "master.flac").write_bytes(b"of the dead")
    (residue / "junk").write_bytes(b"of the dead")
    assert worker.run(piece.pk)
    assert {path.name for path in residue.iterdir()} == storage.NAMES


@pytest.mark.row("I3")
def test_a_piece_whose_workers_die_three_times_fails_with_the_reason(studio: Studio) -> None:
    piece = a_queued_composition()
    for _ in range(3):
        assert jobs.claim(piece.pk)
        lapse(piece)
        services.sweep_compositions()
    assert fresh(piece).state == "failed"
    assert "3 times" in fresh(piece).reason
    assert not worker.run(piece.pk)


def test_only_dead_work_folders_are_swept(studio: Studio) -> None:
    piece = a_queued_composition()
    job = jobs.claim(piece.pk)
    assert job is not None
    alive = storage.work_folder_of(piece.pk, claim=job.claim)
    dead = storage.work_folder_of(piece.pk, claim=uuid.uuid4())
    for folder in (alive, dead):
        folder.mkdir(parents=True)
    assert services.sweep_compositions()["folders"] == 1
    assert alive.exists()
    assert not dead.exists()


def test_pieces_that_wait_unheard_are_rung_again(django_capture_on_commit_callbacks: Any) -> None:
    old, young = a_queued_composition(), a_queued_composition()
    Composition.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(seconds=11))
    with (
        mock.patch.object(compose_composition, "apply_async") as bell,
        django_capture_on_commit_callbacks(execute=True),
    ):
        assert services.sweep_compositions()["rung"] == 1
    bell.assert_called_once_with([str(old.pk)], retry=False, expires=10)
    assert fresh(young).state == "queued"


def test_a_long_queue_does_not_flood_the_broker(django_capture_on_commit_callbacks: Any) -> None:
    for _ in range(15):
        a_queued_composition()
    Composition.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    with (
        mock.patch.object(compose_composition, "apply_async", side_effect=OSError("no broker")) as bell,
        django_capture_on_commit_callbacks(execute=True),
    ):
        assert services.sweep_compositions()["rung"] == 10
    assert bell.call_count == 10


@pytest.mark.parametrize("moment", ["while_opening", "while_rendering"])
@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "quota"),
        StorageFull("no space left"),
    ],
)
@pytest.mark.row("I4")
def test_a_full_disk_fails_clearly_and_leaves_nothing(
    studio: Studio, failure: Exception, moment: str
) -> None:
    setattr(studio, moment, mock.Mock(side_effect=failure))
    piece = a_queued_composition()
    assert not worker.run(piece.pk)
    assert fresh(piece).state == "failed"
    assert fresh(piece).reason.startswith("Our disk is full")
    assert files_on_disk() == []
    assert fresh(piece) not in services.shop_compositions()
    assert not WorkFingerprint.objects.exists()


@pytest.mark.row("I4")
def test_a_disk_that_fills_at_the_rename_leaves_the_piece_unfinished(studio: Studio) -> None:
    piece = a_queued_composition()
    with mock.patch.object(storage, "finish_folder", side_effect=OSError(errno.ENOSPC, "full")):
        assert not worker.run(piece.pk)
    assert (fresh(piece).state, fresh(piece).fingerprint) == ("failed", None)
    assert files_on_disk() == []
    assert not WorkFingerprint.objects.exists()


def test_missing_weights_fail_clearly_and_keep_our_paths_to_themselves(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = MissingModelError("/srv/soloscore/weights.npz is missing; restore it from the repository")
    monkeypatch.setattr(worker, "_loaded", mock.Mock(side_effect=problem))
    piece = a_queued_composition()
    assert not worker.run(piece.pk)
    assert fresh(piece).state == "failed"
    assert "damaged or not installed" in fresh(piece).reason
    assert "/srv" not in fresh(piece).reason


def test_weights_that_are_not_registered_compose_nothing(studio: Studio) -> None:
    piece = a_queued_composition()
    piece.instrument.composer_models.update(weights_sha256="f" * 64)
    assert not worker.run(piece.pk)
    assert "sync_instruments" in fresh(piece).reason
    assert studio.seeds == []


def test_missing_sound_programs_fail_with_what_to_install(studio: Studio) -> None:
    studio.while_rendering = mock.Mock(side_effect=SoundUnavailable(missing="fluidsynth"))
    piece = a_queued_composition()
    assert not worker.run(piece.pk)
    assert "fluidsynth is missing" in fresh(piece).reason


def test_a_font_of_unknown_origin_fails_clearly_and_keeps_our_paths_to_ourselves(studio: Studio) -> None:
    problem = UnknownFont("/srv/fonts/MuseScore_General.sf3 is damaged or not a build we know")
    studio.while_rendering = mock.Mock(side_effect=problem)
    piece = a_queued_composition()
    assert not worker.run(piece.pk)
    assert (fresh(piece).state, "damaged or not installed" in fresh(piece).reason) == ("failed", True)
    assert "/srv" not in fresh(piece).reason


def test_a_machine_that_cannot_listen_fails_with_what_to_install_and_keeps_nothing(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        worker, "fingerprint_of", mock.Mock(side_effect=SoundUnavailable(missing="program fpcalc"))
    )
    piece = a_queued_composition()
    assert not worker.run(piece.pk)
    assert "libchromaprint-tools" in fresh(piece).reason
    assert files_on_disk() == []
    assert not AudioPrint.objects.exists()


def test_the_unforeseen_is_tried_again_and_given_up_after_three_attempts(studio: Studio) -> None:
    studio.while_rendering = mock.Mock(side_effect=ZeroDivisionError)
    piece = a_queued_composition()
    states = []
    for _ in range(3):
        worker.run(piece.pk)
        states.append(fresh(piece).state)
    assert states == ["queued", "queued", "failed"]
    assert fresh(piece).reason.startswith("Something went wrong")
    assert files_on_disk() == []


def test_a_worker_that_is_told_to_stop_gives_the_piece_back(studio: Studio) -> None:
    studio.while_composing = mock.Mock(side_effect=SystemExit)
    piece = a_queued_composition()
    with pytest.raises(SystemExit):
        worker.run(piece.pk)
    assert fresh(piece).state == "queued"


def test_the_same_chosen_seed_twice_is_refused_by_its_name(studio: Studio) -> None:
    first = a_queued_composition(seed=7, seed_is_fixed=True)
    second = a_queued_composition(seed=7, seed_is_fixed=True)
    assert worker.run(first.pk)
    assert not worker.run(second.pk)
    assert fresh(second).state == "failed"
    assert "Seed 7" in fresh(second).reason
    assert "another seed" in fresh(second).reason


def test_a_drawn_seed_that_gives_a_known_piece_is_drawn_again(studio: Studio) -> None:
    first, second = a_queued_composition(seed=7), a_queued_composition(seed=7)
    assert worker.run(first.pk)
    assert worker.run(second.pk)
    assert fresh(second).state == "ready"
    assert fresh(second).seed == studio.seeds[-1] != 7
    assert fresh(second).fingerprint != fresh(first).fingerprint


def test_a_piece_too_near_to_one_on_record_is_never_offered(studio: Studio) -> None:
    studio.notes_of = lambda seed: a_melody(1)[: 39 + seed % 2]
    first = a_queued_composition(seed=1, seed_is_fixed=True)
    near = a_queued_composition(seed=2, seed_is_fixed=True)
    assert worker.run(first.pk)
    assert not worker.run(near.pk)
    assert fresh(near).state == "failed"


def test_two_workers_with_the_same_piece_offer_it_once(studio: Studio) -> None:
    first, second = a_queued_composition(seed=7), a_queued_composition(seed=7)
    nothing_near = Report("original", 0, 0, None, 0.0)
    with mock.patch.object(worker, "check", return_value=nothing_near):

        def the_other_is_quicker() -> None:
            studio.while_rendering = lambda: None
            assert worker.run(second.pk)

        studio.while_rendering = the_other_is_quicker
        assert not worker.run(first.pk)
    assert fresh(second).state == "ready"
    assert (fresh(first).state, fresh(first).fingerprint) == ("queued", None)
    assert fresh(first).seed != 7
    assert worker.run(first.pk)


def test_fingerprints_are_stored_with_the_piece_and_survive_the_sign_bit(studio: Studio) -> None:
    piece = a_queued_composition(seed=3)
    worker.run(piece.pk)
    stored = WorkFingerprint.objects.filter(work__composition=piece).values_list("run_hash", flat=True)
    assert len(stored) == len(set(stored)) > 10
    assert any(value < 0 for value in stored)
