"""What a worker's hold on a piece promises: progress, heartbeat, moves along the table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.utils import timezone

from generation import jobs, services, worker
from generation.models import Composition
from generation.states import TRANSITIONS, move
from generation.tasks import compose_composition
from tests.factories import a_queued_composition, a_ready_composition
from tests.generation.stubs import Studio

pytestmark = pytest.mark.django_db


def fresh(piece: Composition) -> Composition:
    return Composition.objects.get(pk=piece.pk)


def lapse(piece: Composition) -> None:
    Composition.objects.filter(pk=piece.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=31))


def test_progress_is_written_at_most_four_times_a_second(django_assert_max_num_queries: Any) -> None:
    job = jobs.claim(a_queued_composition().pk)
    assert job is not None
    with django_assert_max_num_queries(2):
        for count in range(1000):
            job.report(percent=count / 10, notes=count)


def test_progress_tells_percent_and_notes_so_far() -> None:
    job = jobs.claim(a_queued_composition().pk)
    assert job is not None
    job.report(percent=31.7, notes=64)
    assert (fresh(job.composition).progress, fresh(job.composition).notes) == (31, 64)


def test_progress_never_goes_back() -> None:
    job = jobs.claim(a_queued_composition().pk)
    assert job is not None
    with mock.patch.object(jobs, "WRITES_APART", 0):
        for percent in (10, 30, 5, 130):
            job.report(percent=percent)
            assert fresh(job.composition).progress == {10: 10, 30: 30, 5: 30, 130: 99}[percent]


def test_a_heartbeat_counts_only_with_the_claim() -> None:
    piece = a_queued_composition()
    job = jobs.claim(piece.pk)
    assert job is not None
    lapse(piece)
    assert job.beat()
    assert timezone.now() - fresh(piece).heartbeat_at < timedelta(seconds=5)
    services.cancel_composition(composition=piece)
    assert not job.beat()
    with pytest.raises(jobs.LostClaimError):
        job.report(percent=50)


@pytest.mark.django_db(transaction=True)
def test_the_heartbeat_thread_notices_a_lost_claim(settings: Any) -> None:
    settings.HEARTBEAT_LAPSES_AFTER = timedelta(milliseconds=60)
    job = jobs.claim(a_queued_composition().pk)
    assert job is not None
    services.cancel_composition(composition=job.composition)
    with jobs.Heartbeat(job):
        assert job.lost.wait(5)


@pytest.mark.parametrize("source", list(TRANSITIONS))
@pytest.mark.parametrize("target", list(TRANSITIONS))
def test_a_piece_moves_only_along_the_table(source: str, target: str) -> None:
    maker = a_ready_composition if source == "ready" else a_queued_composition
    piece = maker(state=source)
    fields = {"finished_at": timezone.now()} if target != "ready" else {}
    if target == "ready":
        donor = a_ready_composition()
        fields = {name: getattr(donor, name) for name in ("seconds", "model", "finished_at")} | {
            "fingerprint": "f" * 64
        }
    moved = move(composition_id=piece.pk, to=target, **fields)
    assert moved == (target in TRANSITIONS[source])
    assert fresh(piece).state == (target if moved else source)


def test_retry_gives_a_failed_piece_three_new_attempts(studio: Studio) -> None:
    piece = a_queued_composition(state="failed", attempts=3, error="something")
    services.retry_composition(composition=piece)
    assert (fresh(piece).state, fresh(piece).attempts, fresh(piece).reason) == ("queued", 0, "")
    assert worker.run(piece.pk)
    with pytest.raises(services.NotAllowed):
        services.retry_composition(composition=piece)


def test_the_task_composes_the_piece_it_names(studio: Studio) -> None:
    piece = a_queued_composition()
    compose_composition(str(piece.pk))
    assert fresh(piece).state == "ready"
