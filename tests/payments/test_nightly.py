"""What the clock starts each night, besides the comparison with Stripe: the register of certificates is checked."""

from __future__ import annotations

import pytest

from licensing.models import ChainHead
from marketplace.celery import app
from payments.models import Incident
from payments.tasks import check_register
from tests.licensing.factories import a_right

pytestmark = pytest.mark.django_db


def test_a_whole_register_leaves_no_incident() -> None:
    a_right()
    check_register()
    assert not Incident.objects.exists()


def test_a_broken_register_is_an_incident_each_night_until_it_is_whole() -> None:
    a_right()
    head = ChainHead.objects.get()
    ChainHead.objects.update(hash="0" * 64)
    check_register()
    check_register()
    assert set(Incident.objects.values_list("purchase", "kind")) == {(None, "register_broken")}
    assert Incident.objects.count() == 2
    assert "entry 1" in Incident.objects.all()[0].detail
    ChainHead.objects.update(hash=head.hash)
    check_register()
    assert Incident.objects.count() == 2


@pytest.mark.parametrize("name", ["check-the-register", "reconcile-with-stripe"])
def test_the_clock_starts_it_once_a_day(name: str) -> None:
    entry = app.conf.beat_schedule[name]
    app.loader.import_default_modules()
    assert entry["task"] in app.tasks
    assert (len(entry["schedule"].hour), len(entry["schedule"].minute)) == (1, 1)
