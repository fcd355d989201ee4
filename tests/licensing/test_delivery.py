"""What the owner gets is built once, signed once, and checks out without us."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from generation import storage
from generation.audio.certificates import root_of
from generation.audio.files import write_master
from generation.audio.provenance import read_provenance
from generation.composer.score import Note, Score
from generation.composer.write import write_midi, write_musicxml
from generation.content_credentials import credentials
from licensing import delivery, keys, services
from licensing.documents import check_signed_file
from licensing.errors import DeliveryFailed, SigningKeyMissing
from licensing.models import Certificate, DeliveredFile, ExclusiveRight
from payments.services import sweep_purchases
from tests.factories import a_ready_composition
from tests.generation.audio.c2pa_by_hand import validate
from tests.licensing.factories import MUSIC, a_delivered_right, a_right

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_music")]

REAL_MUSIC = delivery.write_music_files
EVERYTHING = {
    *MUSIC, "certificate.json", "certificate.pdf", "everything.zip", "licence.md", "README.txt", "claim-kit.txt",
    "cue-sheet.csv",
}  # fmt: skip


def folder(certificate: Certificate) -> Path:
    return services.folder_of(certificate.pk)


def test_everything_the_owner_gets_is_there_with_its_checksum() -> None:
    certificate = a_delivered_right().certificate
    rows = {file.name: (file.size, file.sha256) for file in certificate.files.all()}
    assert set(rows) == EVERYTHING
    for name, (size, digest) in rows.items():
        content = (folder(certificate) / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (size, digest)
    with zipfile.ZipFile(folder(certificate) / "everything.zip") as archive:
        assert archive.testzip() is None
        assert {Path(name).name for name in archive.namelist()} == EVERYTHING - {"everything.zip"}
        assert {Path(name).parent.name for name in archive.namelist()} == {certificate.pk}
    readme = (folder(certificate) / "README.txt").read_text()
    assert certificate.pk in readme
    assert "TEST — no legal effect" in readme
    assert (folder(certificate) / "certificate.pdf").read_bytes().startswith(b"%PDF")


def test_the_claim_kit_can_be_pasted_and_checked() -> None:
    certificate = a_delivered_right(licensee="Café Adler").certificate
    text = (folder(certificate) / "claim-kit.txt").read_text()
    pasted = text.split("----")[1]
    assert "Café Adler" in pasted
    assert f"/certificates/{certificate.pk}/" in pasted
    for name in ("master.wav", "master.flac", "master.mp3"):
        assert hashlib.sha256((folder(certificate) / name).read_bytes()).hexdigest() in pasted
    assert "TEST — no legal effect" in text


@pytest.mark.parametrize(("licensee", "shown"), [("Ötzi Film", "Ötzi Film"), ("=1+1", "'=1+1")])
def test_the_cue_sheet_opens_in_a_spreadsheet_and_runs_nothing(licensee: str, shown: str) -> None:
    certificate = a_delivered_right(licensee=licensee).certificate
    content = (folder(certificate) / "cue-sheet.csv").read_bytes()
    (row,) = csv.DictReader(content.decode("utf-8-sig").splitlines())
    assert (row["Exclusive licensee"], row["Copyright ID"], row["Duration"]) == (
        shown,
        certificate.pk,
        "0:30",
    )


def test_the_signed_file_checks_out_with_the_public_key_alone(tmp_path: Path) -> None:
    certificate = a_delivered_right().certificate
    published = tmp_path / "keys.json"
    published.write_bytes(Client().get(reverse("signing_keys")).content)
    file = folder(certificate) / "certificate.json"
    checked = check_signed_file(file.read_bytes(), public_keys=keys.read_public_keys(published))
    assert checked.genuine
    document = checked.document
    assert document == json.loads(certificate.document)
    assert document["copyright_id"] == certificate.pk
    assert {item["name"] for item in document["files"]} == {
        *MUSIC,
        "certificate.pdf",
        "licence.md",
        "README.txt",
        "claim-kit.txt",
        "cue-sheet.csv",
    }
    assert document["key_id"].startswith("test-")


def altered(value: Any) -> Any:
    """Change every leaf in turn."""
    if isinstance(value, dict):
        for key, item in value.items():
            for change in altered(item):
                yield value | {key: change}
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for change in altered(item):
                yield [*value[:index], change, *value[index + 1 :]]
    else:
        yield not value if isinstance(value, bool) else f"{value}x" if isinstance(value, str) else 12345


def test_a_document_altered_anywhere_is_found_out() -> None:
    certificate = a_delivered_right().certificate
    body = json.loads((folder(certificate) / "certificate.json").read_bytes())
    public = keys.public_keys()
    count = 0
    for document in altered(body["document"]):
        changed = json.dumps(body | {"document": document}).encode()
        assert not check_signed_file(changed, public_keys=public).genuine
        count += 1
    assert count > 40
    assert not check_signed_file(json.dumps(body | {"key_id": "live-0"}).encode(), public_keys=public).genuine
    assert not check_signed_file(b"\x00\xff", public_keys=public).genuine


def test_delivering_twice_builds_once_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    right = a_delivered_right()
    before = (
        right.certificate.document,
        right.certificate.signature,
        sorted(p.name for p in folder(right.certificate).iterdir()),
    )
    monkeypatch.setattr(delivery, "write_music_files", None)
    services.deliver(purchase_id=right.purchase_id)
    right.certificate.refresh_from_db()
    assert before == (
        right.certificate.document,
        right.certificate.signature,
        sorted(p.name for p in folder(right.certificate).iterdir()),
    )


def test_of_two_workers_the_later_one_leaves_everything_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    right = a_right()
    twin = Certificate.objects.get(right=right)
    services.deliver(purchase_id=right.purchase_id)
    kept = (folder(twin) / "certificate.json").read_bytes()

    def other_music(*, folder: Path, **_others: Any) -> None:
        (folder / "master.wav").write_bytes(b"another rendering")

    monkeypatch.setattr(delivery, "write_music_files", other_music)
    delivery.build_and_sign(twin)
    assert (folder(twin) / "certificate.json").read_bytes() == kept
    assert (folder(twin) / "master.wav").read_bytes() == b"this is master.wav"
    assert DeliveredFile.objects.count() == len(EVERYTHING)
    assert list((folder(twin).parent / ".work").iterdir()) == []


def test_a_failure_leaves_nothing_and_the_next_try_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    right = a_right()

    def fail(*, folder: Path, **_others: Any) -> None:
        (folder / "master.wav").write_bytes(b"half")
        raise DeliveryFailed("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "write_music_files", fail)
        with pytest.raises(DeliveryFailed):
            services.deliver(purchase_id=right.purchase_id)
    certificate = Certificate.objects.get(right=right)
    assert (certificate.signed_at, certificate.files.count()) == (None, 0)
    assert not folder(certificate).exists()
    assert list((folder(certificate).parent / ".work").iterdir()) == []
    services.deliver(purchase_id=right.purchase_id)
    assert Certificate.objects.get(right=right).signed_at is not None


def test_what_a_dead_worker_left_behind_is_replaced() -> None:
    right = a_right()
    folder(right.certificate).mkdir(parents=True)
    (folder(right.certificate) / "junk").write_bytes(b"x")
    services.deliver(purchase_id=right.purchase_id)
    assert {path.name for path in folder(right.certificate).iterdir()} == EVERYTHING


def test_a_real_certificate_is_never_signed_with_a_test_key(settings: Any) -> None:
    right = a_right(is_test=False)
    with pytest.raises(SigningKeyMissing):
        services.deliver(purchase_id=right.purchase_id)
    call_command("make_signing_key", stdout=io.StringIO())
    services.deliver(purchase_id=right.purchase_id)
    right.certificate.refresh_from_db()
    assert right.certificate.key_id.startswith("live-")
    for path in settings.SIGNING_KEYS_DIR.glob("*.pem"):
        assert path.stat().st_mode & 0o077 == 0


def test_after_a_change_of_keys_old_and_new_certificates_check_out() -> None:
    old = a_delivered_right().certificate
    keys.make_key("test", name="own2")
    new = a_delivered_right().certificate
    assert old.key_id != new.key_id
    for certificate in (old, new):
        content = (folder(certificate) / "certificate.json").read_bytes()
        assert check_signed_file(content, public_keys=keys.public_keys()).genuine


def test_a_key_is_never_overwritten() -> None:
    first = keys.signing_key("test").key_id
    keys.make_key("test", name="own")
    assert keys.signing_key("test").key_id == first


def verify(*arguments: str) -> str:
    out = io.StringIO()
    call_command("verify_certificate", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_checks_a_certificate_and_a_file_of_it(tmp_path: Path) -> None:
    certificate = a_delivered_right().certificate
    file = shutil.copy(folder(certificate) / "certificate.json", tmp_path)
    published = tmp_path / "keys.json"
    published.write_bytes(Client().get(reverse("signing_keys")).content)
    said = verify(str(file), "--keys", str(published), "--audio", str(folder(certificate) / "master.flac"))
    assert said.startswith("valid: the signature is genuine")
    assert certificate.pk in said
    assert "master.flac is master.flac of this certificate" in said
    assert "TEST — no legal effect" in said
    stranger = tmp_path / "stranger.flac"
    stranger.write_bytes(b"something else")
    with pytest.raises(CommandError, match="none of the files") as failure:
        verify(str(file), "--audio", str(stranger))
    assert failure.value.returncode == 1


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"document": {}, "signature": "", "key_id": ""}', "\x00"]
)
def test_the_command_refuses_what_is_no_certificate(tmp_path: Path, content: str) -> None:
    file = tmp_path / "certificate.json"
    file.write_text(content)
    with pytest.raises(CommandError, match=r"^invalid: "):
        verify(str(file))
    with pytest.raises(CommandError, match=r"^invalid: "):
        verify(str(tmp_path / "missing.json"))


def test_the_command_needs_no_database(django_db_blocker: Any, tmp_path: Path) -> None:
    certificate = a_delivered_right().certificate
    file = shutil.copy(folder(certificate) / "certificate.json", tmp_path)
    with django_db_blocker.block():
        assert verify(str(file)).startswith("valid")


@pytest.fixture
def orchestra(monkeypatch: pytest.MonkeyPatch) -> ExclusiveRight:
    """A right in a piece whose files will really be engraved, encoded and signed."""
    if shutil.which("ffmpeg") is None:
        pytest.fail("ffmpeg is missing: apt-get install ffmpeg")
    piece = a_ready_composition(title="Études")
    place = storage.folder_of(piece.pk)
    place.mkdir(parents=True)
    notes = tuple(Note(onset=12 * i, pitch=60 + i % 12, duration=12) for i in range(16))
    score = Score(
        instrument="piano",
        notes=notes,
        metre=(4, 4),
        bars=4,
        bpm=120.0,
        tonic="C",
        mode="major",
        title="Études",
    )
    write_musicxml(score, place / storage.SCORE_XML)
    write_midi(score, place / storage.SCORE_MIDI)
    storage.write_score(score, place / storage.SCORE_JSON)
    shutil.copy(place / storage.SCORE_MIDI, place / storage.PERFORMANCE)
    wave = np.sin(np.arange(44_100 * 2) / 20, dtype=np.float32)[:, None].repeat(2, axis=1) * np.float32(0.1)
    write_master(sound=wave, path=place / storage.MASTER)
    monkeypatch.setattr(delivery, "write_music_files", REAL_MUSIC)
    return a_right(composition=piece)


def test_the_real_orchestra_writes_what_the_certificate_lists(
    orchestra: ExclusiveRight, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="licensing.delivery"):
        services.deliver(purchase_id=orchestra.purchase_id)
    certificate = orchestra.certificate
    place = folder(certificate)
    assert {file.name for file in certificate.files.all()} == EVERYTHING
    assert (place / "score.pdf").read_bytes().startswith(b"%PDF")
    drawing = json.loads((place / "score-drawing.json").read_text())
    assert len(drawing["notes"]) == 16
    assert all(page.startswith("<svg") for page in drawing["pages"])
    for name in ("score.musicxml", "score.mid", "performance.mid"):
        assert f"Copyright ID {certificate.pk}".encode() in (place / name).read_bytes()
    page = f"http://localhost:8000/certificates/{certificate.pk}/"
    pair = credentials()
    for name in ("master.wav", "master.flac", "master.mp3"):
        said = validate((place / name).read_bytes(), root=root_of(pair.chain))
        assert said.metadata["dc:title"] == "Études"
        assert said.metadata["dc:identifier"] == certificate.pk
        assert said.metadata["xmpRights:WebStatement"] == page
        assert said.metadata["xmpRights:UsageTerms"] == "TEST — no legal effect"
        assert said.created["softwareAgent"]["version"] == "test-1"
        assert said.created["when"] == orchestra.composition.finished_at.replace(microsecond=0)
        assert read_provenance(place / name, chain=pair.chain).verdict == "ours"
    [line] = [record.getMessage() for record in caplog.records if record.name == "licensing.delivery"]
    timings = json.loads(line.split(": ", 1)[1])
    assert {"decode", "wav", "flac", "mp3", "sign", "score_pdf", "drawing", "certificate", "archive"} <= set(
        timings
    )


def test_the_licence_of_a_real_sale_is_named_with_its_address(
    orchestra: ExclusiveRight, settings: Any
) -> None:
    settings.SITE_URL = "https://soloscore.example"
    certificate = orchestra.certificate
    certificate.facts.pop("notice")
    certificate.is_test = False
    call_command("make_signing_key", stdout=io.StringIO())
    delivery.build_and_sign(certificate)
    said = validate((folder(certificate) / "master.mp3").read_bytes(), root=root_of(credentials().chain))
    assert (
        said.metadata["xmpRights:UsageTerms"] == "Exclusive licence 2026-11, https://soloscore.example/terms/"
    )


@pytest.mark.usefixtures("full_at_the_manifest")
@pytest.mark.row("I4")
def test_a_disk_that_is_full_while_signing_is_a_failed_delivery_and_is_tried_again(
    orchestra: ExclusiveRight,
) -> None:
    with pytest.raises(DeliveryFailed, match="no space left on the disk of"):
        services.deliver(purchase_id=orchestra.purchase_id)
    certificate = Certificate.objects.get(right=orchestra)
    assert (certificate.signed_at, certificate.files.count()) == (None, 0)
    assert not folder(certificate).exists()
    assert list(services.work_root().iterdir()) == []
    services.deliver(purchase_id=orchestra.purchase_id)
    assert {file.name for file in certificate.files.all()} == EVERYTHING


@pytest.mark.parametrize("name", ["licence.md", "certificate.json", "README.txt"])
def test_a_disk_that_is_full_at_the_end_is_a_failed_delivery_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    right = a_right()
    opened = Path.open

    def full(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(DeliveryFailed, match="No space left on device"):
            services.deliver(purchase_id=right.purchase_id)
    assert not folder(right.certificate).exists()
    assert list(services.work_root().iterdir()) == []
    services.deliver(purchase_id=right.purchase_id)
    assert Certificate.objects.get(right=right).signed_at is not None


def test_production_without_a_pair_to_sign_the_sound_delivers_nothing(
    orchestra: ExclusiveRight, settings: Any
) -> None:
    settings.PRODUCTION = True
    with pytest.raises(
        DeliveryFailed, match=r"the C2PA pair cannot be read: .* run manage\.py make_c2pa_key"
    ):
        services.deliver(purchase_id=orchestra.purchase_id)
    assert not folder(orchestra.certificate).exists()


def test_what_killed_workers_left_is_swept_and_what_is_in_work_stays(settings: Any) -> None:
    assert services.sweep_deliveries() == 0
    old, new = (services.work_root() / name for name in ("SLS-1-old", "SLS-1-new"))
    for place in (old, new):
        place.mkdir(parents=True)
        (place / "master.wav").write_bytes(b"half")
    before = time.time() - services.DELIVERY_TAKES_AT_MOST.total_seconds() - 1
    os.utime(old, (before, before))
    assert sweep_purchases()["folders"] == 1
    assert list(services.work_root().iterdir()) == [new]
