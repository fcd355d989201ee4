"""Cuts and loops: made once when the owner asks, whole or not at all, and for the owner alone."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from generation import storage
from generation.audio.levels import loudness
from generation.composer.compose import Order, compose, load_model
from generation.composer.score import Note, Score
from generation.composer.write import read_midi
from licensing import extra_files, extras, keys, services
from licensing.documents import check_signed_file
from licensing.errors import NoSuchExtra
from licensing.models import ExclusiveRight, Extra
from licensing.tasks import build_extra, sweep_extras
from tests.factories import a_ready_composition, a_staff_user, a_user, an_instrument, on_record
from tests.licensing.factories import a_right, downloaded

pytestmark = pytest.mark.django_db

State = Extra.State


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Extras that a worker was told of."""
    told: list[int] = []
    monkeypatch.setattr(
        "licensing.tasks.build_extra.apply_async", lambda arguments, **_options: told.extend(arguments)
    )
    monkeypatch.setattr("licensing.extras.transaction.on_commit", lambda callback, **_options: callback())
    return told


@pytest.fixture
def quick(rung: list[int], monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Music without composer and orchestra; gives what they were asked for."""
    asked: list[dict[str, Any]] = []

    def write(*, folder: Path, **others: Any) -> str:
        asked.append(others)
        for name in ("master.wav", "master.flac", "master.mp3", "score.mid", "score.pdf")[
            : 5 if "seconds" in others else 2
        ]:
            (folder / name).write_bytes(f"this is {name}".encode())
        return "A title"

    monkeypatch.setattr("licensing.extra_files.write_cut", write)
    monkeypatch.setattr("licensing.extra_files.write_loop", write)
    return asked


def a_piece_of(seconds: int) -> ExclusiveRight:
    return a_right(composition=a_ready_composition(ordered_seconds=seconds, seconds=seconds))


def asked_for(right: ExclusiveRight, kind: str = "loop") -> Extra:
    return extras.request_extra(user=right.holder, copyright_id=right.certificate.pk, kind=kind)


def built(right: ExclusiveRight, kind: str = "loop") -> Extra:
    extra = asked_for(right, kind)
    build_extra(extra.pk)
    extra.refresh_from_db()
    return extra


def contents(extra: Extra) -> dict[str, bytes]:
    with zipfile.ZipFile(extras.path_of(extra.certificate_id, extra.kind)) as archive:
        assert archive.testzip() is None
        assert {Path(name).parent.name for name in archive.namelist()} == {
            f"{extra.certificate_id}-{extra.kind}"
        }
        return {Path(name).name: archive.read(name) for name in archive.namelist()}


def leftovers() -> list[Path]:
    return [path for path in extras.root().rglob("*") if path.is_file()]


def as_user(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def ask(client: Client, right: ExclusiveRight, kind: str = "loop") -> Any:
    return client.post(reverse("extra_request", args=[right.certificate.pk]), {"kind": kind})


def fetch(client: Client, right: ExclusiveRight, kind: str = "loop") -> Any:
    return downloaded(client, right.certificate.pk, f"extras/{kind}.zip")


@pytest.mark.parametrize(
    ("seconds", "kinds"),
    [
        (15, ["loop"]),
        (16, ["cut-15", "loop"]),
        (30, ["cut-15", "loop"]),
        (60, ["cut-30", "cut-15", "loop"]),
        (180, ["cut-60", "cut-30", "cut-15", "loop"]),
    ],
)
def test_cuts_are_offered_where_the_length_allows(seconds: int, kinds: list[str], rung: list[int]) -> None:
    right = a_piece_of(seconds)
    assert [offer.kind for offer in extras.offers_of(right.certificate)] == kinds
    for kind in Extra.Kind.values:
        if kind not in kinds:
            with pytest.raises(NoSuchExtra):
                asked_for(right, kind)
    assert (Extra.objects.count(), rung) == (0, [])


def test_asking_twice_does_nothing_twice(quick: list[dict[str, Any]], rung: list[int]) -> None:
    right = a_piece_of(60)
    first = asked_for(right, "cut-30")
    assert asked_for(right, "cut-30").pk == first.pk
    assert (first.state, rung, Extra.objects.count()) == (State.QUEUED, [first.pk], 1)
    build_extra(first.pk)
    build_extra(first.pk)
    assert asked_for(right, "cut-30").state == State.READY
    assert (rung, len(quick)) == ([first.pk], 1)


def test_what_is_made_is_signed_and_checks_out_without_us(
    quick: list[dict[str, Any]], tmp_path: Path
) -> None:
    extra = built(a_piece_of(60), "cut-30")
    assert (extra.state, extra.error, extra.attempts) == (State.READY, "", 1)
    assert quick[0]["seconds"] == 30
    files = contents(extra)
    music = {f"cut-30.{suffix}" for suffix in ("wav", "flac", "mp3", "mid", "pdf")}
    assert set(files) == music | {"README.txt", "files.json"}
    packed = extras.path_of(extra.certificate_id, extra.kind).read_bytes()
    assert (extra.size, extra.sha256) == (len(packed), hashlib.sha256(packed).hexdigest())
    checked = check_signed_file(files["files.json"], public_keys=keys.public_keys())
    assert checked.genuine
    assert checked.document == json.loads(extra.document)
    assert checked.document["copyright_id"] == extra.certificate_id
    assert {item["name"]: item["sha256"] for item in checked.document["files"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != "files.json"
    }
    changed = files["files.json"].replace(b"cut-30.wav", b"cut-30.war")
    assert not check_signed_file(changed, public_keys=keys.public_keys()).genuine
    for name in ("files.json", "cut-30.wav"):
        (tmp_path / name).write_bytes(files[name])
    said = io.StringIO()
    call_command(
        "verify_certificate",
        str(tmp_path / "files.json"),
        "--audio",
        str(tmp_path / "cut-30.wav"),
        stdout=said,
    )
    assert "cut-30.wav is cut-30.wav of this certificate" in said.getvalue()
    readme = files["README.txt"].decode()
    assert extra.certificate_id in readme
    assert "TEST — no legal effect" in readme
    assert [path.name for path in leftovers()] == ["cut-30.zip"]


def test_a_loop_has_no_mp3_and_says_why(quick: list[dict[str, Any]]) -> None:
    files = contents(built(a_piece_of(30)))
    assert set(files) == {"loop.wav", "loop.flac", "README.txt", "files.json"}
    assert "MP3" in files["README.txt"].decode()


def test_the_owner_asks_sees_the_state_and_downloads(quick: list[dict[str, Any]], rung: list[int]) -> None:
    right = a_piece_of(30)
    client = as_user(right.holder)
    page = reverse("certificate", args=[right.certificate.pk])
    assert "Have it made" in client.get(page).content.decode()
    answer = ask(client, right)
    assert (answer.status_code, answer["Location"]) == (302, f"{page}#extras")
    waiting = client.get(page)
    assert waiting.context["waiting"]
    assert "data-waiting" in waiting.content.decode()
    assert fetch(client, right).status_code == 404
    build_extra(*rung)
    ready = client.get(page)
    assert not ready.context["waiting"]
    assert reverse("download", args=[right.certificate.pk, "extras/loop.zip"]) in ready.content.decode()
    got = fetch(client, right)
    assert hashlib.sha256(got.body).hexdigest() == Extra.objects.get().sha256
    assert got["Content-Disposition"] == f'attachment; filename="{right.certificate.pk}-loop.zip"'
    assert "no-store" in got["Cache-Control"]


def test_nobody_else_asks_sees_or_downloads(quick: list[dict[str, Any]]) -> None:
    right = a_piece_of(30)
    built(right)
    stranger, staff = as_user(a_user()), as_user(a_staff_user())
    for client in (stranger, staff):
        assert ask(client, right, "cut-15").status_code == 404
        assert fetch(client, right).status_code == 404
    for answer in (ask(Client(), right, "cut-15"), fetch(Client(), right)):
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, reverse("account_login"))
    assert Extra.objects.count() == 1
    page = stranger.get(reverse("certificate", args=[right.certificate.pk])).content.decode()
    assert "extras" not in page


def test_a_suspended_or_revoked_right_gives_nothing(quick: list[dict[str, Any]], rung: list[int]) -> None:
    right = a_piece_of(30)
    built(right)
    waiting = asked_for(right, "cut-15")
    client = as_user(right.holder)
    services.suspend_right(right=right, reason="dispute", now=timezone.now())
    assert (ask(client, right).status_code, fetch(client, right).status_code) == (403, 403)
    build_extra(waiting.pk)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == (State.FAILED, "The right in this piece is not in force.")
    services.restore_right(right=right, reason="won", now=timezone.now())
    assert fetch(client, right).status_code == 200
    assert ask(client, right, "cut-15").status_code == 302
    waiting.refresh_from_db()
    assert waiting.state == State.QUEUED
    services.revoke_right(right=right, reason="refunded", now=timezone.now())
    assert (ask(client, right).status_code, fetch(client, right).status_code) == (403, 403)


def test_a_cut_of_a_piece_that_is_too_short_is_refused_in_words(rung: list[int]) -> None:
    right = a_piece_of(30)
    client = as_user(right.holder)
    for kind in ("cut-60", "nonsense", ""):
        answer = client.post(
            reverse("extra_request", args=[right.certificate.pk]), {"kind": kind}, follow=True
        )
        assert [str(message) for message in answer.context["messages"]] == [
            f"“{kind}” cannot be made of this piece."
        ]
    assert Extra.objects.count() == 0


@pytest.fixture
def one_ending(monkeypatch: pytest.MonkeyPatch) -> list[Note]:
    """The notes that the composer gives for any cut; what is composed is not rendered."""
    notes = [Note(onset=6 * step, pitch=60 + (step * step) % 19, duration=6) for step in range(80)]
    score = Score("piano", tuple(notes), (4, 4), 10, 80.0, "C", "major")
    monkeypatch.setattr("licensing.extra_files.load_model", lambda instrument: SimpleNamespace(index=None))
    monkeypatch.setattr(
        "licensing.extra_files.compose", lambda order, *, model, source: SimpleNamespace(score=score)
    )
    monkeypatch.setattr("licensing.extra_files._mastered", lambda score, **_others: None)
    monkeypatch.setattr("licensing.extra_files._write_master", lambda sound, **_others: None)
    monkeypatch.setattr(
        "licensing.extra_files._write_copies",
        lambda *, folder, **_others: (folder / "master.wav").write_bytes(b"sound"),
    )
    return notes


def with_score(right: ExclusiveRight, notes: list[Note]) -> None:
    folder = storage.folder_of(right.composition_id)
    folder.mkdir(parents=True, exist_ok=True)
    score = Score("piano", tuple(notes), (4, 4), 20, 80.0, "C", "major")
    storage.write_score(score, folder / storage.SCORE_JSON)


def test_a_cut_too_near_to_another_work_says_so_and_others_are_tried_later(
    rung: list[int], one_ending: list[Note], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = a_piece_of(60)
    with_score(right, one_ending)
    on_record(a_ready_composition(), one_ending)
    extra = built(right, "cut-15")
    assert extra.state == State.FAILED
    assert "too near to another work" in extra.reason
    page = as_user(right.holder).get(reverse("certificate", args=[right.certificate.pk])).content.decode()
    assert extra.reason in page
    assert "Try again" in page
    assert leftovers() == []
    seeds: list[int] = []
    monkeypatch.setattr("licensing.extra_files.composer_order", lambda order, *, seed: seeds.append(seed))
    assert built(right, "cut-15").attempts == 2
    first = right.composition.seed
    assert seeds == [first + number for number in range(4, 8)]


def test_a_cut_may_be_as_near_to_its_own_piece_as_it_likes(rung: list[int], one_ending: list[Note]) -> None:
    right = a_piece_of(60)
    with_score(right, one_ending)
    on_record(right.composition, one_ending)
    assert built(right, "cut-15").state == State.READY


def test_a_failure_leaves_nothing_and_can_be_asked_for_again(
    quick: list[dict[str, Any]], rung: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = a_piece_of(30)

    def fail(*, folder: Path, **_others: Any) -> str:
        (folder / "master.wav").write_bytes(b"half")
        raise ValueError("secret path")

    with monkeypatch.context() as patch:
        patch.setattr("licensing.extra_files.write_loop", fail)
        extra = built(right)
    assert extra.state == State.FAILED
    assert "Ask again" in extra.reason
    assert "secret" not in extra.reason
    assert leftovers() == []
    assert built(right).state == State.READY
    assert rung == [extra.pk, extra.pk]


def test_a_worker_that_is_stopped_gives_the_extra_back(
    quick: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = asked_for(a_piece_of(30))

    def stop(**_others: Any) -> str:
        raise SystemExit

    monkeypatch.setattr("licensing.extra_files.write_loop", stop)
    with pytest.raises(SystemExit):
        build_extra(extra.pk)
    extra.refresh_from_db()
    assert (extra.state, extra.claim, leftovers()) == (State.QUEUED, None, [])


def test_what_a_dead_worker_held_is_made_by_another_one(quick: list[dict[str, Any]], rung: list[int]) -> None:
    extra = asked_for(a_piece_of(30))
    dead = extras.claim(extra.pk)
    assert dead is not None
    half = extra_files._work_folder(dead)
    half.mkdir(parents=True)
    (half / "master.wav").write_bytes(b"half")
    sweep_extras()
    assert rung == [extra.pk]
    Extra.objects.update(changed_at=timezone.now() - timedelta(minutes=7))
    sweep_extras()
    assert rung == [extra.pk, extra.pk]
    build_extra(extra.pk)
    extra.refresh_from_db()
    assert (extra.state, extra.attempts) == (State.READY, 2)
    assert [path.name for path in leftovers()] == ["loop.zip"]


def test_a_worker_whose_claim_lapsed_writes_nothing(
    quick: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = asked_for(a_piece_of(30))

    def slow(*, folder: Path, **_others: Any) -> str:
        (folder / "master.wav").write_bytes(b"late")
        Extra.objects.update(changed_at=timezone.now() - timedelta(minutes=7))
        sweep_extras()
        return "Late"

    monkeypatch.setattr("licensing.extra_files.write_loop", slow)
    assert not extra_files.build(extra.pk)
    extra.refresh_from_db()
    assert (extra.state, leftovers()) == (State.QUEUED, [])


def test_a_lost_bell_is_rung_again(rung: list[int]) -> None:
    extra = asked_for(a_piece_of(30))
    sweep_extras()
    assert rung == [extra.pk]
    Extra.objects.update(changed_at=timezone.now() - timedelta(seconds=31))
    sweep_extras()
    assert rung == [extra.pk, extra.pk]


def test_staff_see_extras_and_change_none(client: Client, rung: list[int]) -> None:
    extra = asked_for(a_piece_of(30))
    client.force_login(a_staff_user())
    assert client.get(reverse("admin:licensing_extra_changelist")).status_code == 200
    page = client.get(reverse("admin:licensing_extra_change", args=[extra.pk]))
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert client.get(reverse("admin:licensing_extra_add")).status_code == 403
    assert client.post(reverse("admin:licensing_extra_delete", args=[extra.pk])).status_code == 403


def test_a_real_piece_is_cut_and_looped(rung: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way with the weights that ship and real sound; this piece has no grace notes, which reading drops."""
    score = compose(Order(instrument="flute", seconds=18, seed=7), model=load_model("flute")).score
    piece = a_ready_composition(
        instrument=an_instrument("flute"), ordered_seconds=18, seconds=18, seed=7, title="Études"
    )
    folder = storage.folder_of(piece.pk)
    folder.mkdir(parents=True)
    storage.write_score(score, folder / storage.SCORE_JSON)
    right = a_right(composition=piece)

    cut = built(right, "cut-15")
    assert (cut.state, cut.error) == (State.READY, "")
    files = contents(cut)
    wave, rate = soundfile.read(io.BytesIO(files["cut-15.wav"]))
    assert 15.0 <= len(wave) / rate <= 19.0
    assert loudness(sound=wave, rate=rate) == pytest.approx(-14, abs=0.3)
    assert np.array_equal(wave, soundfile.read(io.BytesIO(files["cut-15.flac"]))[0])
    path = folder / "cut.mid"
    path.write_bytes(files["cut-15.mid"])
    notes = read_midi(path).notes
    kept = [note for note in score.notes if note.onset < 2 * score.steps_per_bar]
    assert [note for note in notes if note.onset < 2 * score.steps_per_bar] == kept
    assert cut.certificate_id.encode() in files["cut-15.pdf"]
    assert len(files["cut-15.mp3"]) == pytest.approx(len(wave) / rate * 40_000, rel=0.05)

    loop = built(right)
    assert (loop.state, loop.error) == (State.READY, "")
    files = contents(loop)
    assert set(files) == {"loop.wav", "loop.flac", "README.txt", "files.json"}
    wave, rate = soundfile.read(io.BytesIO(files["loop.wav"]))
    assert len(wave) == round(score.seconds * rate)
    steps = np.abs(np.diff(np.concatenate([wave, wave[:3]]), n=2, axis=0)).max(axis=1)
    assert steps[-3:].max() <= steps[:-3].max()
