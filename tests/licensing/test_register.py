"""Everything that happens to a certificate is in the register, and nothing of it can be changed unnoticed."""

from __future__ import annotations

import io
import json
import random
import shutil
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from licensing import keys, register, services, triggers
from licensing.chain import BEFORE_THE_FIRST, Head, faults_of, read_entries
from licensing.documents import check_signed_file
from licensing.models import Certificate, ChainHead, DeliveredFile, ExclusiveRight, Extra, RegisterEntry
from licensing.transfers import transfer_right
from tests.licensing.factories import MUSIC, a_delivered_right, a_right

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_music")]


def check(*arguments: str) -> str:
    out = io.StringIO()
    call_command("check_register", *arguments, stdout=out)
    return out.getvalue()


def verify(*arguments: Path | str) -> str:
    out = io.StringIO()
    call_command("verify_certificate", *map(str, arguments), stdout=out)
    return out.getvalue()


def kinds() -> list[tuple[str, str]]:
    return list(RegisterEntry.objects.order_by("number").values_list("certificate_id", "kind"))


def published(tmp_path: Path) -> tuple[Path, Path]:
    """Keys and register as anybody can download them."""
    paths = tmp_path / "keys.json", tmp_path / "entries.jsonl"
    for path, name in zip(paths, ("signing_keys", "register_entries"), strict=True):
        path.write_bytes(Client().get(reverse(name)).content)
    return paths


def folder(right: ExclusiveRight) -> Path:
    return services.folder_of(right.certificate.pk)


def test_each_change_is_an_entry_in_the_order_in_which_it_happened() -> None:
    first, second = a_delivered_right(), a_right()
    now = timezone.now()
    services.suspend_right(right=first, reason="disputed", now=now)
    services.suspend_right(right=first, reason="disputed", now=now)
    services.restore_right(right=first, reason="won", now=now)
    services.revoke_right(right=second, reason="refunded", now=now)
    one, two = first.certificate.pk, second.certificate.pk
    assert kinds() == [
        (one, "issued"), (one, "signed"), (two, "issued"),
        (one, "suspended"), (one, "restored"), (two, "revoked"),
    ]  # fmt: skip
    entries = list(register.entries())
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert entries[0].previous == BEFORE_THE_FIRST
    assert faults_of(entries, head=register.head()) == []
    assert check() == f"ok: 6 entries, 2 certificates, head {entries[-1].hash}\n"


def test_an_entry_that_is_not_written_takes_its_change_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    right = a_right()

    def full(*_arguments: Any, **_others: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(RegisterEntry.objects, "create", full)
    with pytest.raises(OSError, match="no space"), transaction.atomic():
        services.revoke_right(right=right, reason="refunded", now=timezone.now())
    right.refresh_from_db()
    assert (right.state, RegisterEntry.objects.count()) == ("in_force", 1)


def test_the_register_names_nobody() -> None:
    right = a_delivered_right(licensee="Ada Lovelace")
    services.revoke_right(right=right, reason="refunded by grace@example.com", now=timezone.now())
    said = Client().get(reverse("register_entries")).content.decode()
    for secret in ("Lovelace", "grace", right.holder.email, right.certificate.facts["salt"]):
        assert secret not in said
    page = Client().get(reverse("certificate", args=[right.certificate.pk])).content.decode()
    assert right.certificate.facts["salt"] not in page


def test_every_document_names_the_entry_it_was_issued_by() -> None:
    first, second = a_delivered_right(), a_delivered_right()
    for right in (first, second):
        entry = right.certificate.entries.get(kind="issued")
        anchor = json.loads(right.certificate.document)["register"]
        assert anchor == {"number": entry.number, "hash": entry.hash}


FROZEN = {
    "facts": {"licensee": "Somebody Else"},
    "document": "{}",
    "signature": "x",
    "key_id": "live-0",
    "copyright_id": "SLS-0000-0000-0000",
    "holder_id": 999_999,
}


@pytest.mark.parametrize("column", FROZEN)
def test_the_database_refuses_to_change_what_a_certificate_says(column: str) -> None:
    certificate = a_delivered_right().certificate
    with pytest.raises(IntegrityError, match=triggers.FROZEN), transaction.atomic():
        Certificate.objects.filter(pk=certificate.pk).update(**{column: FROZEN[column]})
    with pytest.raises(IntegrityError), transaction.atomic():
        RegisterEntry.objects.filter(number=1).update(digest="0" * 64)
    certificate.refresh_from_db()
    assert certificate.facts["licensee"] == "Ada Lovelace"


@pytest.fixture
def without_triggers() -> None:
    """A forger who may do everything in the database."""
    for name in ("licensing_entry_kept", "licensing_certificate_frozen"):
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER {name}")


def forge_facts(right: ExclusiveRight) -> str:
    certificate = right.certificate
    Certificate.objects.filter(pk=certificate.pk).update(facts=certificate.facts | {"licensee": "Eve"})
    return f"certificate {certificate.pk}: its facts are not those that were issued"


def forge_document(right: ExclusiveRight) -> str:
    """Signed anew with our own key: only the register knows."""
    certificate = right.certificate
    document = certificate.document.replace("Ada Lovelace", "Eve Lovelace")
    signature = keys.signing_key("test").sign(document.encode())
    Certificate.objects.filter(pk=certificate.pk).update(document=document, signature=signature)
    return f"certificate {certificate.pk}: its document is not the one that was signed"


def forge_signature(right: ExclusiveRight) -> str:
    Certificate.objects.filter(right=right).update(signature="AAAA")
    return (
        f"certificate {right.certificate.pk}: its signature is not that of the key {right.certificate.key_id}"
    )


def forge_checksum(right: ExclusiveRight) -> str:
    DeliveredFile.objects.filter(certificate__right=right, name="master.wav").update(sha256="0" * 64)
    return (
        f"certificate {right.certificate.pk}: the checksum kept of master.wav is not the one that was signed"
    )


def forge_state(right: ExclusiveRight) -> str:
    ExclusiveRight.objects.filter(pk=right.pk).update(state="suspended")
    return f"certificate {right.certificate.pk}: it is suspended, and valid by the register"


def forge_licensee(right: ExclusiveRight) -> str:
    ExclusiveRight.objects.filter(pk=right.pk).update(licensee="Eve")
    return f"right {right.pk}: names another licensee than its certificate {right.certificate.pk}"


def forge_entry(right: ExclusiveRight) -> str:
    RegisterEntry.objects.filter(number=2).update(at=timezone.now() + timedelta(days=1))
    return "entry 2: was altered"


def forget_entry(right: ExclusiveRight) -> str:
    RegisterEntry.objects.filter(number=1).delete()
    return f"certificate {right.certificate.pk}: its facts are not those that were issued"


def forget_the_end(right: ExclusiveRight) -> str:
    RegisterEntry.objects.order_by("-number")[0].delete()
    return "is not in this register"


def forge_reason(right: ExclusiveRight) -> str:
    services.suspend_right(right=right, reason="disputed", now=timezone.now())
    RegisterEntry.objects.filter(kind="suspended").update(note='{"reason":"none","salt":""}')
    return "the reason kept with it is not the one it was written for"


def smuggle(right: ExclusiveRight) -> str:
    """A certificate that was never put into the register."""
    other = a_right()
    RegisterEntry.objects.filter(certificate__right=other).delete()
    last = RegisterEntry.objects.order_by("-number")[0]
    ChainHead.objects.update(number=last.number, hash=last.hash)
    return f"certificate {other.certificate.pk}: it is not in the register"


@pytest.mark.usefixtures("without_triggers")
@pytest.mark.parametrize(
    "forge",
    [
        forge_facts, forge_document, forge_signature, forge_checksum, forge_state, forge_licensee, forge_entry,
        forget_entry, forget_the_end, forge_reason, smuggle,
    ],
)  # fmt: skip
def test_the_command_finds_and_names_what_was_forged(forge: Any) -> None:
    right = a_delivered_right()
    a_delivered_right()
    check()
    expected = forge(right)
    with pytest.raises(CommandError) as failure:
        check()
    assert expected in str(failure.value)
    assert failure.value.returncode == 1


@pytest.mark.usefixtures("without_triggers")
def test_a_register_that_was_hashed_anew_has_lost_its_earlier_head() -> None:
    a_right()
    earlier = register.head().hash
    a_right()
    assert check("--since", earlier).endswith(f"ok: {earlier} is still in the register\n")
    head = Head()
    for row in RegisterEntry.objects.order_by("number"):
        row.previous, row.at = head.hash, timezone.now().replace(microsecond=0)
        row.hash = register.entry_of(row).hashed()
        head = Head(row.number, row.hash)
        row.save()
    ChainHead.objects.update(number=head.number, hash=head.hash)
    assert check().startswith("ok: 2 entries")
    with pytest.raises(CommandError, match=f"{earlier} is not in the register any more"):
        check("--since", earlier)


def test_the_head_is_published_signed_and_the_entries_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        a_right()
    client = Client()
    head = client.get(reverse("register_head"))
    checked = check_signed_file(head.content, public_keys=client.get(reverse("signing_keys")).json()["keys"])
    assert checked.genuine
    assert (checked.document["number"], checked.document["hash"]) == (3, register.head().hash)
    monkeypatch.setattr(register, "AT_ONCE", 2)
    first = client.get(reverse("register_entries"))
    assert first["Content-Type"].startswith("application/jsonl")
    assert first["Link"].endswith('/certificates/register/entries.jsonl?after=2>; rel="next"')
    rest = client.get(first["Link"].partition("<")[2].partition(">")[0])
    assert "Link" not in rest
    entries = list(read_entries((first.content + rest.content).decode()))
    assert faults_of(entries, head=Head(3, checked.document["hash"])) == []
    for wrong in ("x", "-1", "1.5", "²", "9" * 30):
        answer = client.get(reverse("register_entries"), {"after": wrong})
        assert (answer.status_code, b"whole number" in answer.content) == (400, True)


def test_the_page_of_the_register_shows_head_entries_and_keys() -> None:
    empty = Client().get(reverse("register"))
    assert (empty.status_code, empty.context["head"].number) == (200, 0)
    first = a_delivered_right().certificate
    keys.make_key("test", name="own2")
    second = a_delivered_right().certificate
    page = Client().get(reverse("register"))
    assert [entry.number for entry in page.context["last"]] == [4, 3, 2, 1]
    assert {key["id"]: key["signs"] for key in page.context["keys"]} == {
        first.key_id: False,
        second.key_id: True,
    }
    assert Client().get(reverse("signing_keys")).json()["signing"] == {"test": second.key_id}
    assert reverse("register") in Client().get(reverse("certificate_lookup")).content.decode()


def test_a_certificate_checks_out_with_register_and_keys_and_nothing_else(
    tmp_path: Path, django_db_blocker: Any
) -> None:
    right = a_delivered_right()
    published_keys, entries = published(tmp_path)
    files = [shutil.copy(folder(right) / name, tmp_path) for name in ("certificate.pdf", *MUSIC)]
    document = shutil.copy(folder(right) / "certificate.json", tmp_path)
    with django_db_blocker.block():
        said = verify(document, *files, "--keys", published_keys, "--register", entries)
    assert said.startswith("valid: the signature is genuine (valid by entry 2 of the register)")
    assert said.count("of this certificate") == len(files)


def test_the_register_says_offline_how_a_certificate_stands(tmp_path: Path) -> None:
    right = a_delivered_right()
    document = shutil.copy(folder(right) / "certificate.json", tmp_path)
    new = transfer_right(user=right.holder, copyright_id=right.certificate.pk, licensee="Grace Ltd")
    _keys, entries = published(tmp_path)
    with pytest.raises(CommandError, match=rf"transferred \({new.pk} took its place\)"):
        verify(document, "--register", entries)
    lines = entries.read_text().splitlines()
    entries.write_text("\n".join(lines[:1]))
    with pytest.raises(CommandError, match="the document that the register knows of this certificate"):
        verify(document, "--register", entries)
    entries.write_text("\n".join(lines[1:]))
    with pytest.raises(CommandError, match="register: entry 2: follows on entry 0"):
        verify(document, "--register", entries)
    entries.write_text("")
    with pytest.raises(CommandError, match="the register knows no SLS-"):
        verify(document, "--register", entries)
    entries.write_text("nothing")
    with pytest.raises(CommandError, match="Line 1 of the register"):
        verify(document, "--register", entries)


def flipped(content: bytes, *, byte: int, bit: int) -> bytes:
    return content[:byte] + bytes([content[byte] ^ (1 << bit)]) + content[byte + 1 :]


def test_one_bit_anywhere_in_the_signed_file_is_found() -> None:
    right = a_delivered_right()
    content = (folder(right) / "certificate.json").read_bytes()
    public = keys.public_keys()
    assert check_signed_file(content, public_keys=public).genuine
    drawn = random.Random(1)
    for byte in range(len(content)):
        changed = flipped(content, byte=byte, bit=drawn.randrange(8))
        assert not check_signed_file(changed, public_keys=public).genuine, changed[
            max(0, byte - 20) : byte + 20
        ]
    tail = content.index(b'=="') - 1
    for bit in range(8):
        assert not check_signed_file(flipped(content, byte=tail, bit=bit), public_keys=public).genuine


@pytest.mark.parametrize("name", ["certificate.pdf", "licence.md", *MUSIC])
def test_one_bit_in_any_delivered_file_is_found_and_the_file_is_named(tmp_path: Path, name: str) -> None:
    right = a_delivered_right()
    content = (folder(right) / name).read_bytes()
    altered = tmp_path / f"{right.certificate.pk}-{name}"
    altered.write_bytes(flipped(content, byte=len(content) // 2, bit=3))
    intact = folder(right) / "score.mid"
    with pytest.raises(CommandError) as failure:
        verify(folder(right) / "certificate.json", intact, altered)
    assert f"is not the {name} that was delivered: it was altered" in str(failure.value)
    assert str(failure.value).count("invalid") == 1


def test_the_page_answers_a_checksum_without_javascript() -> None:
    right = a_delivered_right()
    address = reverse("certificate", args=[right.certificate.pk])
    for file in right.certificate.files.all():
        page = Client().get(address, {"sha256": f" {file.sha256.upper()} "})
        assert page.context["known_as"] == file.name
        assert f"delivered as {file.name}." in page.content.decode()
    unknown = Client().get(address, {"sha256": "0" * 64})
    assert "This is not one of the delivered files." in unknown.content.decode().split("verify-answer")[-1]


def test_the_files_of_a_cut_are_known_as_well() -> None:
    certificate = a_delivered_right().certificate
    now = timezone.now()
    Extra.objects.create(
        certificate=certificate,
        kind="cut-15",
        state="ready",
        size=1,
        sha256="a" * 64,
        document=json.dumps({"files": [{"name": "cut-15.wav", "size": 1, "sha256": "b" * 64}]}),
        signature="x",
        key_id="test-0",
        requested_at=now,
        changed_at=now,
    )
    address = reverse("certificate", args=[certificate.pk])
    for sha256, name in (("a" * 64, "cut-15.zip"), ("b" * 64, "cut-15.wav")):
        assert Client().get(address, {"sha256": sha256}).context["known_as"] == name


def test_what_was_sold_before_there_was_a_register_is_put_into_it() -> None:
    first, second, third = a_delivered_right(), a_right(), a_right()
    services.revoke_right(right=first, reason="refunded", now=timezone.now())
    services.suspend_right(right=second, reason="disputed", now=timezone.now())
    RegisterEntry.objects.all().delete()
    ChainHead.objects.all().delete()
    migration = import_module("licensing.migrations.0004_register_entries")
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER licensing_certificate_frozen")
    migration.fill(apps, None)
    said = dict.fromkeys(kinds())
    assert list(said) == [
        *sorted((right.certificate.pk, "issued") for right in (first, second, third)),
        *[entry for entry in said if entry[1] != "issued"],
    ]
    assert set(said) >= {
        (first.certificate.pk, "signed"),
        (first.certificate.pk, "revoked"),
        (second.certificate.pk, "suspended"),
    }
    assert faults_of(register.entries(), head=register.head()) == []
