"""The pair that signs the sound: made once, never overwritten, and checked before anything is sold."""

from __future__ import annotations

import datetime
import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from generation import content_credentials
from generation.audio import certificates
from generation.audio.certificates import make_credentials
from generation.audio.errors import CredentialsUnusable
from generation.content_credentials import credentials, own_folder
from licensing.checks import origin_can_be_signed
from licensing.keys import public_keys, signing_key


def write_pair(folder: Path, settings: Any, **changed: bytes) -> None:
    """Put a pair into files of the operator's choice."""
    made = make_credentials(organisation="Soloscore")
    folder.mkdir(exist_ok=True)
    for name in ("chain", "key"):
        (folder / f"{name}.pem").write_bytes(changed.get(name, getattr(made, name)))
    settings.C2PA_CERT, settings.C2PA_KEY = str(folder / "chain.pem"), str(folder / "key.pem")


def test_development_makes_its_own_pair_once() -> None:
    first = credentials()
    assert credentials() == first
    assert (own_folder() / "key.pem").stat().st_mode & 0o077 == 0
    assert [path.name for path in own_folder().parent.iterdir()] == ["c2pa"]


def test_it_lies_beside_the_keys_for_certificates_and_is_none_of_them() -> None:
    credentials()
    key_id = signing_key("test").key_id
    assert list(public_keys())[-1] == key_id
    assert sum(name.startswith("test-") for name in public_keys()) == 1


def test_of_two_processes_the_first_ones_pair_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    rival: list[Any] = []
    with monkeypatch.context() as patch:

        def slow(**options: Any) -> Any:
            """While we make our pair, another process finishes its own."""
            patch.undo()
            rival.append(credentials())
            return make_credentials(**options)

        patch.setattr(content_credentials, "make_credentials", slow)
        content_credentials.make_own()
    assert credentials() == rival[0]
    assert [path.name for path in own_folder().parent.iterdir()] == ["c2pa"]


def test_files_of_the_operators_choice_come_first(settings: Any, tmp_path: Path) -> None:
    write_pair(tmp_path / "bought", settings)
    assert credentials().chain == (tmp_path / "bought" / "chain.pem").read_bytes()
    assert not own_folder().exists()


def test_production_makes_no_pair_by_itself(settings: Any) -> None:
    settings.PRODUCTION = True
    with pytest.raises(
        CredentialsUnusable, match=r"run manage\.py make_c2pa_key, or set SOLOSCORE_C2PA_CERT"
    ):
        credentials()
    assert not own_folder().exists()


def test_the_command_makes_the_pair_of_production_once(settings: Any) -> None:
    settings.PRODUCTION = True
    out = io.StringIO()
    call_command("make_c2pa_key", stdout=out)
    made = credentials()
    call_command("make_c2pa_key", stdout=out)
    assert credentials() == made
    assert str(own_folder()) in out.getvalue()
    assert origin_can_be_signed(None) == []


def test_the_command_says_when_a_chosen_pair_does_not_work(settings: Any, tmp_path: Path) -> None:
    write_pair(tmp_path / "bought", settings, key=b"no key")
    with pytest.raises(CommandError, match="The pair in use does not work: the C2PA key cannot be read"):
        call_command("make_c2pa_key")


def test_development_without_a_choice_is_not_checked() -> None:
    assert origin_can_be_signed(None) == []
    assert not own_folder().exists()


def test_production_without_a_pair_is_an_error(settings: Any) -> None:
    settings.PRODUCTION = True
    [message] = origin_can_be_signed(None)
    assert message.id == "licensing.E003"
    assert "manage.py make_c2pa_key" in message.hint


def test_a_pair_that_does_not_fit_is_an_error(settings: Any, tmp_path: Path) -> None:
    write_pair(tmp_path / "bought", settings, key=make_credentials(organisation="Soloscore").key)
    [message] = origin_can_be_signed(None)
    assert (message.id, "not that of the first certificate" in message.msg) == ("licensing.E003", True)


def test_a_certificate_that_readers_would_not_accept_is_an_error(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    purposes = certificates.ExtendedKeyUsageOID
    with monkeypatch.context() as patch:
        patch.setattr(purposes, "EMAIL_PROTECTION", purposes.SERVER_AUTH)
        write_pair(tmp_path / "bought", settings)
    [message] = origin_can_be_signed(None)
    assert (message.id, "does not sign" in message.msg) == ("licensing.E003", True)


@pytest.mark.parametrize(("days", "found"), [(-1, "licensing.E003"), (89, "licensing.W001"), (91, None)])
def test_the_end_of_a_certificate_is_announced(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, found: str | None
) -> None:
    monkeypatch.setattr(certificates, "LARGEST_SKEW", datetime.timedelta(days=2))
    monkeypatch.setattr(certificates, "LIFETIME", datetime.timedelta(days=days))
    write_pair(tmp_path / "bought", settings)
    messages = origin_can_be_signed(None)
    assert [message.id for message in messages] == ([found] if found else [])
    assert all(message.hint for message in messages)


def test_a_chain_without_its_key_is_an_error(settings: Any, tmp_path: Path) -> None:
    write_pair(tmp_path / "bought", settings)
    shutil.move(tmp_path / "bought" / "key.pem", tmp_path / "elsewhere.pem")
    assert [message.id for message in origin_can_be_signed(None)] == ["licensing.E003"]
