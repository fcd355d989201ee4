"""A complaint: filed by anybody, confirmed, moved as the table says, answered by e-mail."""

from __future__ import annotations

import itertools

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry
from generation.models import Composition
from licensing.complaints import TRANSITIONS, NotMovable, mail_complainants, move_complaint
from licensing.models import Complaint, ComplaintEvent
from tests.factories import a_listed_composition, a_staff_user, staff_client
from tests.licensing.factories import a_right

pytestmark = pytest.mark.django_db

WORDS = "This melody is mine; it was published in 2019."


def form(**fields: str) -> dict[str, str]:
    return {
        "about": "my_work",
        "named": "",
        "text": WORDS,
        "name": "Ada",
        "email": "ada@example.com",
    } | fields


def filed(**fields: str) -> Complaint:
    answer = Client().post(reverse("complain"), form(**fields))
    assert answer.status_code == 302
    return Complaint.objects.latest("filed_at")


def act(action: str, complaint: Complaint, **fields: str) -> None:
    data = {"action": action, "_selected_action": [str(complaint.pk)], **fields}
    assert staff_client().post(reverse("admin:licensing_complaint_changelist"), data).status_code == 302
    complaint.refresh_from_db()


def test_anybody_files_a_complaint_about_what_they_name() -> None:
    piece, right = a_listed_composition(), a_right()
    by_address = filed(named=f"https://soloscore.example/compositions/{piece.pk}/")
    by_id = filed(named=right.certificate.pk.lower())
    unknown = filed(named="the one with the harp")
    assert (by_address.composition, by_address.certificate, by_address.state) == (piece, None, "new")
    assert (by_id.composition, by_id.certificate) == (right.composition, right.certificate)
    assert (unknown.composition, unknown.named) == (None, "the one with the harp")
    assert mail_complainants() == 3
    assert mail_complainants() == 0
    assert [sent.to for sent in mail.outbox] == [["ada@example.com"]] * 3
    assert WORDS in mail.outbox[0].body
    page = Client().get(reverse("complain") + f"?about={piece.pk}").content.decode()
    assert f'value="{piece.pk}"' in page


def test_what_cannot_be_answered_is_refused() -> None:
    for fields in ({"email": "nowhere"}, {"text": "short"}, {"about": "nothing"}, {"name": ""}):
        assert Client().post(reverse("complain"), form(**fields)).status_code == 422
    assert not Complaint.objects.exists()


def test_one_address_files_three_a_minute() -> None:
    client = Client(REMOTE_ADDR="192.0.2.7")
    answers = [client.post(reverse("complain"), form()).status_code for _ in range(4)]
    assert answers == [302, 302, 302, 429]
    assert Complaint.objects.count() == 3


@pytest.mark.parametrize(("before", "to"), list(itertools.product(TRANSITIONS, TRANSITIONS)))
def test_a_complaint_moves_as_the_table_says(before: str, to: str) -> None:
    complaint = Complaint.objects.create(
        about="other", name="x", email="x@example.com", text="x", state=before
    )
    allowed = to in TRANSITIONS[before]
    try:
        move_complaint(complaint=complaint, to=to, staff=a_staff_user(), text="words")
    except NotMovable:
        assert not allowed
    else:
        assert allowed
    complaint.refresh_from_db()
    assert complaint.state == (to if allowed else before)
    assert ComplaintEvent.objects.count() == int(allowed)


def test_an_answer_needs_words_and_reaches_who_complained_in_their_language() -> None:
    Client().post(reverse("complain"), form(), headers={"Accept-Language": "de"})
    complaint = Complaint.objects.get()
    act("take_up", complaint)
    act("answer", complaint)
    assert complaint.state == "in_work"
    act("answer", complaint, answer="Your work was published after ours.")
    assert complaint.state == "answered"
    mail_complainants()
    assert [len(mail.outbox), mail.outbox[1].subject[:15]] == [2, "Ihre Beschwerde"]
    assert "published after ours" in mail.outbox[1].body
    assert (
        "complaint in_work → answered",
        "Your work was published after ours.",
    ) in AuditEntry.objects.values_list("did", "reason")


def test_a_mail_that_cannot_be_sent_is_sent_later(monkeypatch: pytest.MonkeyPatch) -> None:
    filed()

    def refuse(*_args: object, **_named: object) -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr("licensing.complaints.send_mail", refuse)
        assert mail_complainants() == 0
    assert mail_complainants() == 1


@pytest.mark.parametrize(
    ("sale_state", "after"), [("available", "retired"), ("on_hold", "on_hold"), ("sold", "sold")]
)
def test_staff_withdraw_a_piece_that_nobody_holds(sale_state: str, after: str) -> None:
    piece = a_listed_composition(sale_state=sale_state)
    complaint = filed(named=str(piece.pk))
    act("withdraw_piece", complaint)
    assert Composition.objects.get().sale_state == sale_state, "it needs a reason"
    act("withdraw_piece", complaint, reason="a copy")
    assert Composition.objects.get().sale_state == after
    assert AuditEntry.objects.filter(reason="a copy").exists() == (after == "retired")
