"""The page that says of a recording whether it was made here and whether it was sold, whatever it is given."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts.services import SESSION_KEY
from generation.audio import fingerprint
from generation.audio.labels import Labels
from generation.audio.provenance import Signer, sign
from generation.content_credentials import credentials
from generation.models import Composition
from generation.recognition import keep_print
from licensing import services, uploads
from tests.factories import a_listed_composition, a_ready_composition
from tests.files import RATE, silent_wav, some_music
from tests.licensing.factories import a_right

pytestmark = pytest.mark.django_db

ADDRESS = "/certificates/"


@pytest.fixture(autouse=True)
def lent(settings: Settings, tmp_path: Path) -> Any:
    """The folder of what visitors lend us; whatever a test does, nothing may be left in it."""
    folder = tmp_path / "lent"
    folder.mkdir()
    settings.FILE_UPLOAD_TEMP_DIR = str(folder)
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return some_music(tmp_path / "recording.wav", seed=1)


@pytest.fixture
def known(recording: Path) -> Callable[..., Composition]:
    """Make a piece of which the recording is the master."""

    def known(piece: Composition) -> Composition:
        words = fingerprint.fingerprint_of(recording)
        keep_print(composition_id=piece.pk, audio_print=fingerprint.pack(words))
        return piece

    return known


def ask(content: Path | bytes, *, client: Client | None = None, name: str = "song.mp3") -> Any:
    data = content if isinstance(content, bytes) else content.read_bytes()
    return (client or Client()).post(ADDRESS, {"recording": SimpleUploadedFile(name, data)})


def test_a_sold_piece_leads_to_its_certificate_and_names_nobody(known: Any, recording: Path) -> None:
    piece = known(a_listed_composition(title="Moon & tide", sale_state=Composition.SaleState.SOLD))
    right = a_right(composition=piece, licensee="Ada Lovelace")
    page = ask(recording)
    assertContains(page, "Moon &amp; tide")
    assertContains(page, "It was sold, once and for ever.")
    assertContains(page, reverse("certificate", args=[right.certificate.pk]))
    assertNotContains(page, "Lovelace")
    assertNotContains(page, right.holder.email)
    assert "no-store" in page["Cache-Control"]


def test_a_retired_piece_leads_to_the_certificate_of_the_sale_that_was_undone(
    known: Any, recording: Path
) -> None:
    piece = known(a_listed_composition(sale_state=Composition.SaleState.RETIRED))
    right = a_right(composition=piece)
    services.revoke_right(right=right, reason="refunded", now=timezone.now())
    page = ask(recording)
    assertContains(page, "It is never sold again.")
    assertContains(page, reverse("certificate", args=[right.certificate.pk]))


@pytest.mark.parametrize(
    ("sale_state", "words"),
    [
        ("available", "Nobody owns it yet"),
        ("on_hold", "Somebody is about to buy it"),
        ("retired", "never sold"),
    ],
)
def test_an_unsold_piece_is_named_without_a_certificate(
    known: Any, recording: Path, sale_state: str, words: str
) -> None:
    piece = known(a_listed_composition(title="Tide", sale_state=sale_state))
    page = ask(recording)
    assertContains(page, words)
    assertContains(page, f'<a href="{reverse("composition", args=[piece.pk])}">Tide</a>')
    assertNotContains(page, "Certificate:")


def test_a_piece_outside_the_shop_is_ours_and_no_more_is_said_except_to_its_maker(
    known: Any, recording: Path
) -> None:
    piece = known(a_ready_composition(title="Secret"))
    page = ask(recording)
    assertContains(page, "This was made here")
    assertNotContains(page, "Secret")
    assertNotContains(page, str(piece.pk))
    maker = Client()
    session = maker.session
    session[SESSION_KEY] = str(piece.maker_id)
    session.save()
    assertContains(ask(recording, client=maker), "Secret")


def test_an_unknown_recording_is_told_with_what_that_does_not_mean(
    known: Any, recording: Path, tmp_path: Path
) -> None:
    known(a_listed_composition())
    page = ask(some_music(tmp_path / "theirs.wav", seed=2), name="<b>theirs</b>.wav")
    assertContains(page, "We do not know this recording")
    assertContains(page, "A piece played anew")
    assertNotContains(page, "<b>theirs</b>")


def signed(path: Path, *, copyright_id: str, altered: bool = False) -> bytes:
    """The bytes of ``path`` with our manifest in them, as an owner gets them."""
    labels = Labels(title="Tide", copyright_id=copyright_id, verify_url=f"https://shop.test/{copyright_id}")
    sign(path=path, labels=labels, signer=Signer(credentials=credentials(), composer="piano-1"))
    content = bytearray(path.read_bytes())
    if altered:
        content[len(content) // 2] ^= 1
    return bytes(content)


def test_a_file_that_bears_our_statement_is_ours_though_its_sound_is_not_known(recording: Path) -> None:
    piece = a_listed_composition(title="Tide", sale_state=Composition.SaleState.SOLD)
    certificate = a_right(composition=piece).certificate
    page = ask(signed(recording, copyright_id=certificate.pk))
    assertContains(page, "its signed statement is ours")
    assertContains(page, reverse("certificate", args=[certificate.pk]))


def test_a_statement_in_a_changed_file_proves_nothing(recording: Path) -> None:
    page = ask(signed(recording, copyright_id="SLO-0000-0000-0000", altered=True))
    assertContains(page, "We do not know this recording")
    assertContains(page, "it was changed after it was signed")
    assertNotContains(page, "SLO-0000")


def hostile(name: str, folder: Path) -> bytes:
    whole = some_music(folder / "whole.wav", seed=3).read_bytes()
    return {
        "empty": b"",
        "text": b"This is no sound.",
        "page": b"<!DOCTYPE html>" * 1000,
        "playlist": b"#EXTM3U\n#EXTINF:30,\n/etc/passwd\n",
        "header alone": whole[:44],
        "broken header": whole[:30],
        "one sample": silent_wav(folder / "one.wav", samples=1).read_bytes(),
        "silence": silent_wav(folder / "silence.wav", samples=200_000).read_bytes(),
        "two seconds": whole[: 44 + 4 * 11_025],
        "half a frame": b"fLaC" + whole[:5000],
        "half a film": b"\x00\x00\x00\x20ftypisom" + whole[:5000],
    }[name]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty", "cannot be read as audio"),
        ("text", "cannot be read as audio"),
        ("page", "cannot be read as audio"),
        ("playlist", "cannot be read as audio"),
        ("broken header", "cannot be read as audio"),
        ("half a frame", "cannot be read as audio"),
        ("half a film", "cannot be read as audio"),
        ("header alone", "too short or too silent"),
        ("one sample", "too short or too silent"),
        ("silence", "too short or too silent"),
        ("two seconds", "too short or too silent"),
    ],
)
def test_whatever_it_is_the_answer_is_clear(tmp_path: Path, name: str, words: str) -> None:
    page = ask(hostile(name, tmp_path))
    assertContains(page, words, status_code=422)
    assertContains(page, 'aria-describedby="recording-help recording-error"', status_code=422)


def test_a_long_file_is_answered_by_its_first_minutes(known: Any, recording: Path) -> None:
    known(a_listed_composition(title="Tide"))
    sound = recording.read_bytes()[44:]
    size = 600 * 2 * RATE
    head = b"RIFF" + struct.pack("<I", 36 + size) + recording.read_bytes()[8:40] + struct.pack("<I", size)
    assertContains(ask(head + sound + bytes(size - len(sound))), "Tide")


@pytest.mark.parametrize("field", ["recording", "other"])
def test_what_is_too_large_is_not_kept_and_the_answer_says_so(
    monkeypatch: pytest.MonkeyPatch, recording: Path, field: str
) -> None:
    monkeypatch.setattr(uploads, "BYTES_AT_MOST", 100_000)
    upload = SimpleUploadedFile("x.wav", recording.read_bytes())
    page = Client().post(ADDRESS, {field: upload})
    assertContains(page, "This file is too large", status_code=413)
    assert page.wsgi_request.read() == b"", "the browser would still be sending"


def test_several_files_are_as_large_as_their_sum(monkeypatch: pytest.MonkeyPatch, recording: Path) -> None:
    size = recording.stat().st_size
    monkeypatch.setattr(uploads, "BYTES_AT_MOST", 2 * size)
    for names, status in ((("a", "b"), 422), (("a", "b", "recording"), 413)):
        files = {name: SimpleUploadedFile("x.wav", recording.read_bytes()) for name in names}
        assert Client().post(ADDRESS, files).status_code == status


def test_without_a_file_one_is_asked_for() -> None:
    assertContains(Client().post(ADDRESS), "Choose a file first", status_code=422)
    assertContains(Client().post(ADDRESS, {"recording": "text"}), "Choose a file first", status_code=422)
    answer = Client().post(ADDRESS, b"RIFF", content_type="audio/wav")
    assertContains(answer, "Choose a file first", status_code=422)


def test_a_form_from_elsewhere_is_refused(recording: Path) -> None:
    client = Client(enforce_csrf_checks=True)
    assert ask(recording, client=client).status_code == 403
    token = client.get(ADDRESS).cookies["csrftoken"].value
    upload = SimpleUploadedFile("x.wav", recording.read_bytes())
    sent = client.post(ADDRESS, {"csrfmiddlewaretoken": token, "recording": upload})
    assertContains(sent, "We do not know this recording")


def test_asking_very_often_is_refused_before_anything_is_read(settings: Settings, recording: Path) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"recognise": "2/m/ip"}
    assert [ask(b"text").status_code for _ in range(3)] == [422, 422, 429]
    assertContains(ask(recording), "very often", status_code=429)
    assert Client().get(ADDRESS).status_code == 200


def test_a_machine_that_cannot_listen_says_so_and_names_no_file(
    monkeypatch: pytest.MonkeyPatch, recording: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    page = ask(recording)
    assertContains(page, "cannot be recognised at the moment", status_code=503)
    assertNotContains(page, "fpcalc", status_code=503)
    assert "libchromaprint-tools" in caplog.text


def test_the_form_says_what_may_be_given() -> None:
    page = Client().get(ADDRESS)
    assertContains(page, "60 MB at most")
    assertContains(page, 'enctype="multipart/form-data"')
    assert Client().put(ADDRESS).status_code == 405
