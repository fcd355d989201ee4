"""A list as a file: what is shown, filtered as it is, harmless in a spreadsheet, and written down."""

from __future__ import annotations

import csv
import io

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry
from accounts.staff.tables import cell
from tests.factories import a_listed_composition, a_user, staff_client

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
