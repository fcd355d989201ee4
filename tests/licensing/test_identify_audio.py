"""``manage.py identify_audio``: which piece a file is, and whose copy, in one line for programs and in words."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from generation.audio import fingerprint
from generation.models import Composition
from generation.recognition import keep_print
from generation.storage import MASTER, path_of
from licensing.models import Certificate
from licensing.recognition import certificate_of, sale_mark
from licensing.services import revoke_right
from licensing.transfers import supersede_certificate, transfer_right
from tests.factories import a_ready_composition, a_staff_user, a_user
from tests.files import silent_wav, some_music
from tests.licensing.factories import a_right

pytestmark = pytest.mark.django_db


def identify(path: Path, *options: str) -> str:
    said = io.StringIO()
    call_command("identify_audio", str(path), *options, stdout=said)
    return said.getvalue()


def facts(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(identify(path, "--json").splitlines()[-1])
    return result


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return some_music(tmp_path / "recording.wav", seed=1)


@pytest.fixture
def piece(recording: Path) -> Composition:
    """A piece whose master is the recording, both channels alike."""
    piece = a_ready_composition(title="Tide", preview=b"sound")
    sound, _rate = soundfile.read(recording, dtype="float32")
    louder = np.repeat(sound, 4)[:, None] * np.ones(2, dtype=np.float32)
    soundfile.write(path_of(piece, MASTER), louder, 44_100, subtype="PCM_24")
    words = fingerprint.fingerprint_of(path_of(piece, MASTER))
    keep_print(composition_id=piece.pk, audio_print=fingerprint.pack(words))
    return piece


class Marks:
    """Stand in for the marks: what each was asked, and what it answers."""

    def __init__(self) -> None:
        self.house_found = False
        self.copy_named: tuple[bytes, ...] = ()
        self.asked: list[dict[str, Any]] = []

    def hear(self, sound: Any, **asked: Any) -> SimpleNamespace:
        self.asked.append(asked)
        return SimpleNamespace(found=self.house_found, chance=0.001 if self.house_found else 1.0)

    def whose(self, suspect: Any, **asked: Any) -> SimpleNamespace:
        self.asked.append(asked)
        return SimpleNamespace(named=self.copy_named, chance=0.0001)


@pytest.fixture
def marks(monkeypatch: pytest.MonkeyPatch) -> Marks:
    marks = Marks()
    package = ModuleType("generation.audio.marks")
    package.house = SimpleNamespace(hear=marks.hear)  # type: ignore[attr-defined]
    package.copy = SimpleNamespace(whose=marks.whose)  # type: ignore[attr-defined]
    hearing = ModuleType("generation.audio.hearing")
    hearing.read_sound = lambda path, **_: soundfile.read(path, dtype="float32", always_2d=True)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "generation.audio.marks", package)
    monkeypatch.setitem(sys.modules, "generation.audio.hearing", hearing)
    return marks


def sold(piece: Composition) -> Certificate:
    return a_right(composition=piece).certificate


def transferred(old: Certificate) -> Certificate:
    return transfer_right(user=old.holder, copyright_id=old.pk, licensee="A client", email=a_user().email)


def superseded(old: Certificate) -> Certificate:
    return supersede_certificate(
        copyright_id=old.pk, licensee="Ada King", reason="a typing error", staff=a_staff_user()
    )


def test_the_sale_whose_copy_it_is_is_named(marks: Marks, piece: Composition, recording: Path) -> None:
    certificate = sold(piece)
    marks.copy_named = (certificate.pk.encode(),)
    assert facts(recording) == {
        "composition": str(piece.pk),
        "copy": certificate.pk,
        "certificate": certificate.pk,
        "status": "valid",
        "made_here": True,
        "confidence": 0.9999,
    }
    (asked,) = marks.asked
    assert (asked["work"], asked["sales"]) == (piece.pk.bytes, [certificate.pk.encode()])
    assert asked["secret"] == settings.MARK_SECRET.encode()
    assert len(asked["master"]) == 30 * 44_100


def test_a_sold_piece_without_its_copy_mark_is_the_preview_or_the_master(
    marks: Marks, piece: Composition, recording: Path
) -> None:
    sold(piece)
    found = facts(recording)
    assert (found["composition"], found["copy"]) == (str(piece.pk), None)
    assert found["confidence"] > 0.9


def test_an_unsold_piece_is_asked_for_no_copy(marks: Marks, piece: Composition, recording: Path) -> None:
    assert facts(recording)["copy"] is None
    assert marks.asked == []
    words = identify(recording)
    assert words.splitlines()[:2] == [f"composition: {piece.pk} (Tide)", "copy: none that was sold"]


def test_a_piece_that_is_not_known_may_bear_our_mark(
    marks: Marks, piece: Composition, tmp_path: Path
) -> None:
    other = some_music(tmp_path / "other.wav", seed=2)
    nothing = {"composition": None, "copy": None, "certificate": None, "status": None}
    assert facts(other) == {**nothing, "made_here": False, "confidence": 0}
    assert identify(other) == "no mark\n"
    marks.house_found = True
    assert facts(other) == {**nothing, "made_here": True, "confidence": 0.999}
    assert identify(other).startswith("composition: made here, but not known\n")


@pytest.mark.parametrize("replace", [transferred, superseded])
def test_of_two_certificates_the_copy_names_its_own_and_the_one_in_force_is_told(
    piece: Composition, tmp_path: Path, replace: Callable[[Certificate], Certificate]
) -> None:
    """A leak of the former owner's is the former owner's; what counts is the certificate in its place."""
    copy = pytest.importorskip("generation.audio.marks.copy")
    old = sold(piece)
    Certificate.objects.filter(pk=old.pk).update(
        document="{}", signature="x", key_id="x", signed_at=old.issued_at
    )
    new = replace(old)
    master, rate = soundfile.read(path_of(piece, MASTER), dtype="float32")
    for certificate in (old, new):
        secret = settings.MARK_SECRET.encode()
        marked = copy.embed(master, secret=secret, work=piece.pk.bytes, sale=sale_mark(certificate))
        leaked = tmp_path / f"{certificate.pk}.ogg"
        soundfile.write(leaked, marked[5 * rate : 20 * rate], rate, format="OGG")
        found = facts(leaked)
        assert (found["copy"], found["certificate"], found["status"]) == (certificate.pk, new.pk, "valid")
    revoke_right(right=new.right, reason="test", now=timezone.now())
    assert facts(leaked)["status"] == "revoked"
    assert certificate_of(piece) == new


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "x.wav is empty"), (b"text", "x.wav is not an audio file")]
)
def test_what_cannot_be_read_is_one_line(marks: Marks, tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(CommandError, match=message):
        identify(tmp_path / "x.wav")


def test_a_sample_is_too_short(marks: Marks, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="too short or too silent"):
        identify(silent_wav(tmp_path / "x.wav", samples=1))


@pytest.mark.parametrize("channels", [1, 2])
def test_a_real_copy_is_traced_to_its_sale_and_the_master_to_none(
    piece: Composition, tmp_path: Path, channels: int
) -> None:
    copy = pytest.importorskip("generation.audio.marks.copy")
    master, rate = soundfile.read(path_of(piece, MASTER), dtype="float32")
    certificate = sold(piece)
    secret = settings.MARK_SECRET.encode()
    marked = copy.embed(master, secret=secret, work=piece.pk.bytes, sale=sale_mark(certificate))
    leaked = tmp_path / "leaked.ogg"
    soundfile.write(leaked, marked[5 * rate : 20 * rate, :channels], rate, format="OGG")
    found = facts(leaked)
    assert (found["composition"], found["copy"]) == (str(piece.pk), certificate.pk)
    assert found["confidence"] > 0.99
    assert facts(path_of(piece, MASTER))["copy"] is None


def test_a_copy_that_begins_after_a_minute_of_something_else_is_traced(
    piece: Composition, tmp_path: Path
) -> None:
    copy = pytest.importorskip("generation.audio.marks.copy")
    master, rate = soundfile.read(path_of(piece, MASTER), dtype="float32")
    certificate = sold(piece)
    secret = settings.MARK_SECRET.encode()
    marked = copy.embed(master, secret=secret, work=piece.pk.bytes, sale=sale_mark(certificate))
    talk = np.random.default_rng(1).normal(scale=0.05, size=(70 * rate, 2)).astype(np.float32)
    soundfile.write(tmp_path / "show.wav", np.concatenate([talk, marked]), rate)
    found = facts(tmp_path / "show.wav")
    assert (found["composition"], found["copy"]) == (str(piece.pk), certificate.pk)
