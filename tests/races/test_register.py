"""Many changes of certificates at the same instant: one register without a gap, one current certificate a right."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from licensing import register, services
from licensing.chain import faults_of
from licensing.errors import AlreadyReplaced
from licensing.models import Certificate, ChainHead, ExclusiveRight, RegisterEntry
from licensing.register_check import check
from licensing.transfers import supersede_certificate, transfer_right
from tests.factories import a_staff_user, a_user
from tests.licensing.factories import a_delivered_right, a_right, write_silence
from tests.payments.shop import Shop
from tests.races.crowd import at_once, of_type

CROWD = 8


@pytest.fixture
def quick_music(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("licensing.delivery.write_music_files", write_silence)


@pytest.fixture
def without_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everybody read the same head."""
    monkeypatch.setattr(ChainHead.objects, "select_for_update", ChainHead.objects.all)


def test_control_without_the_lock_two_take_the_same_number(shop: Shop, without_the_lock: None) -> None:
    """If nobody collided here, the test below would prove nothing."""
    rights = [a_right() for _ in range(CROWD)]
    now = timezone.now()
    deeds = [partial(services.suspend_right, right=right, reason="x", now=now) for right in rights]
    assert of_type(at_once(*deeds), IntegrityError)


def test_many_changes_at_once_make_one_chain(shop: Shop) -> None:
    rights = [a_right() for _ in range(CROWD)]
    now = timezone.now()
    outcomes = at_once(
        *(partial(services.suspend_right, right=right, reason="x", now=now) for right in rights),
        *(partial(a_right) for _ in range(CROWD)),
    )
    assert not of_type(outcomes, Exception), outcomes
    assert RegisterEntry.objects.count() == register.head().number == 3 * CROWD
    assert faults_of(register.entries(), head=register.head()) == []
    assert check().faults == []


def test_transferring_at_once_replaces_once(shop: Shop, quick_music: None) -> None:
    for _ in range(4):
        right = a_delivered_right()
        old = right.certificate
        deeds = [
            partial(transfer_right, user=right.holder, copyright_id=old.pk, licensee=f"Client {number}")
            for number in range(CROWD)
        ]
        outcomes = at_once(*deeds)
        assert len(of_type(outcomes, Certificate)) == 1, outcomes
        assert len(of_type(outcomes, AlreadyReplaced)) == CROWD - 1, outcomes
        again = at_once(*[deeds[outcomes.index(of_type(outcomes, Certificate)[0])]] * CROWD)
        assert len({certificate.pk for certificate in again}) == 1
    assert Certificate.objects.filter(state="current").count() == ExclusiveRight.objects.count() == 4
    assert check().faults == []


def test_transfer_correction_and_refund_at_once_leave_one_truth(shop: Shop, quick_music: None) -> None:
    staff = a_staff_user()
    for _ in range(4):
        right, client = a_delivered_right(), a_user()
        old = right.certificate
        at_once(
            partial(
                transfer_right, user=right.holder, copyright_id=old.pk, licensee="Client", email=client.email
            ),
            partial(
                supersede_certificate, copyright_id=old.pk, licensee="Ada L.", reason="misspelt", staff=staff
            ),
            partial(services.suspend_right, right=right, reason="disputed", now=timezone.now()),
            partial(services.revoke_right, right=right, reason="refunded", now=timezone.now()),
        )
        right.refresh_from_db()
        assert right.state == "revoked"
        assert services.status_of(right.certificate) == "revoked"
    assert check().faults == []


@pytest.mark.parametrize("table", ["licensing_registerentry", "licensing_certificate"])
def test_postgresql_refuses_to_delete_what_was_issued(shop: Shop, table: str) -> None:
    a_right()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE licensing_certificate SET facts = '{}'")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE licensing_registerentry SET digest = ''")
    assert check().faults == []
