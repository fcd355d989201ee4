"""A list as a file: what is shown, filtered as it is, harmless in a spreadsheet, and written down."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry
from accounts.staff.tables import cell
from generation.models import Composition
from tests.factories import a_listed_composition, a_maker, a_user, staff_client

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/generation/composition/export.csv"


def exported(client: Client, query: str = "") -> list[dict[str, str]]:
    answer = client.get(ADDRESS + query)
    assert answer.streaming
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_the_file_has_the_rows_and_columns_of_the_list() -> None:
    sold = a_listed_composition(title="=1+1", sale_state="sold")
    a_listed_composition(title="Free")
    client = staff_client()
    assert len(exported(client)) == 2
    [row] = exported(client, "?sale_state__exact=sold")
    assert row["key"] == str(sold.pk)
    assert row["composition"] == "'=1+1"
    assert (row["instrument"], row["for sale"]) == ("Piano", "sold")
    assert row["ordered"] == sold.created_at.isoformat()
    [row] = exported(client, f"?q={sold.pk}")
    assert row["key"] == str(sold.pk)
    assert [entry.after["filter"] for entry in AuditEntry.objects.order_by("pk")][
        1
    ] == "sale_state__exact=sold"
    page = client.get(reverse("admin:generation_composition_changelist") + "?sale_state__exact=sold")
    assert f'href="{ADDRESS}?sale_state__exact=sold"' in page.content.decode()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=cmd()", "'=cmd()"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), ("\t=1", "'\t=1"), ("  =1", "'  =1"),
        (-5, "-5"), (None, ""), ("plain", "plain"), ("<b>=1</b>", "'=1"), (True, "True"),
    ],
)  # fmt: skip
def test_no_cell_is_a_formula(value: object, written: str) -> None:
    assert cell(value) == written


def test_only_whoever_may_see_the_list_gets_it() -> None:
    client = staff_client(a_user(is_staff=True))
    assert client.get(ADDRESS).status_code == 403
    assert Client().get(ADDRESS).status_code == 302
    assert not AuditEntry.objects.exists()


def test_a_search_takes_a_key_an_address_a_fingerprint_or_how_a_title_begins() -> None:
    user = a_user(email="Grace@example.com")
    piece = a_listed_composition(title="Evening in E minor", maker=a_maker(user=user))
    a_listed_composition(title="In the evening")
    client = staff_client()
    for words in (str(piece.pk), "grace@EXAMPLE.com", piece.fingerprint, "evening in e", "EVENING"):
        assert [row["key"] for row in exported(client, f"?q={words}")] == [str(piece.pk)], words
    assert exported(client, "?q=nobody@example.com") == []


def test_a_list_is_narrowed_to_a_year_a_month_and_a_day() -> None:
    piece = a_listed_composition()
    old = a_listed_composition()
    Composition.objects.filter(pk=old.pk).update(created_at=datetime(2024, 2, 29, 12, tzinfo=UTC))
    client = staff_client()
    address = reverse("admin:generation_composition_changelist")
    page = client.get(address).content.decode()
    years = range(2024, piece.created_at.year + 1)
    assert [f"?created_at__year={year}" in page for year in years] == [True] * len(years)
    assert "created_at__month=2" in client.get(f"{address}?created_at__year=2024").content.decode()
    month = client.get(f"{address}?created_at__year=2024&created_at__month=2").content.decode()
    assert ("created_at__day=29" in month, "created_at__day=30" in month) == (True, False)
    query = "?created_at__year=2024&created_at__month=2&created_at__day=29"
    assert [row["key"] for row in exported(client, query)] == [str(old.pk)]
    for odd in ("?created_at__year=x", "?created_at__year=2024&created_at__month=13"):
        assert client.get(address + odd).status_code in {200, 302}
