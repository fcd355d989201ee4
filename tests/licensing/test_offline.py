"""``verify_certificate`` and everything that is delivered: singly, as a folder, as a ZIP."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from licensing import keys
from licensing.canonical import canonical, sha256_of
from licensing.documents import signed_file
from licensing.services import folder_of
from tests.licensing.factories import a_delivered_right

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_music")]


def verify(*arguments: Path) -> str:
    out = io.StringIO()
    call_command("verify_certificate", *map(str, arguments), stdout=out)
    return out.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of what an owner has: every file of a delivery."""
    delivered = folder_of(a_delivered_right().certificate.pk)
    return Path(shutil.copytree(delivered, tmp_path / "mine"))


def repacked(folder: Path, *, without: str = "", **changed: bytes) -> Path:
    """``everything.zip`` with some files changed."""
    target = folder.parent / "everything.zip"
    with zipfile.ZipFile(folder / "everything.zip") as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            name = Path(info.filename).name
            if name != without:
                new.writestr(info, changed.get(name.partition(".")[0], old.read(info)))
    return target


def test_every_delivered_file_is_recognised_by_itself(folder: Path) -> None:
    for path in folder.iterdir():
        said = verify(folder / "certificate.json", path)
        assert said.startswith("valid"), path.name
        assert "none of the files" not in said


@pytest.mark.parametrize("name", [".", "everything.zip"])
def test_a_folder_or_zip_is_checked_whole(folder: Path, name: str) -> None:
    said = verify(folder / name)
    assert "README.txt is README.txt of this certificate" in said
    assert "certificate.json is the signed file that was checked" in said
    assert "Not there" not in said
    assert "Not signed" not in said


@pytest.mark.parametrize("name", ["README", "master", "licence", "score"])
def test_one_altered_file_in_a_zip_is_named(folder: Path, name: str) -> None:
    with pytest.raises(CommandError, match=rf"everything.zip: {name}\.\w+ is not the .* it was altered"):
        verify(repacked(folder, **{name: b"altered"}))


def test_an_archive_that_was_altered_is_found_in_the_folder(folder: Path) -> None:
    repacked(folder, master=b"altered").replace(folder / "everything.zip")
    with pytest.raises(CommandError, match=r"everything.zip: master.wav is not the master.wav"):
        verify(folder)


def test_a_stranger_in_the_folder_is_named_and_what_is_missing_is_told(folder: Path) -> None:
    (folder / "master.wav").unlink()
    (folder / "everything.zip").unlink()
    assert "Not there      master.wav, which is listed, is not in mine" in verify(folder)
    (folder / "other.wav").write_bytes(b"stranger")
    with pytest.raises(CommandError, match=r"other.wav is none of the files"):
        verify(folder)


def test_another_certificate_in_the_zip_is_not_taken_for_the_one_checked(folder: Path) -> None:
    foreign = folder_of(a_delivered_right().certificate.pk) / "certificate.json"
    with pytest.raises(CommandError, match=r"certificate.json is not the signed file that was checked"):
        verify(folder / "certificate.json", repacked(folder, certificate=foreign.read_bytes()))


def test_a_readme_from_before_it_was_signed_is_called_unsigned(folder: Path) -> None:
    """Certificates of this schema are in people's hands."""
    document = json.loads((folder / "certificate.json").read_text())["document"]
    document["files"] = [item for item in document["files"] if item["name"] != "README.txt"]
    key = keys.signing_key("test")
    message = canonical(document)
    old = signed_file(document=message.decode(), signature=key.sign(message), key_id=key.key_id)
    (folder / "certificate.json").write_bytes(old)
    (folder / "everything.zip").unlink()
    assert "Not signed    README.txt only explains the files" in verify(folder)


def test_the_zip_of_a_cut_is_held_against_its_own_signed_list(folder: Path) -> None:
    document = json.loads((folder / "certificate.json").read_text())["document"]
    sound = b"a cut"
    document["schema"] = "soloscore-extra/1"
    document["files"] = [{"name": "cut-30.wav", "size": len(sound), "sha256": sha256_of(sound)}]
    key = keys.signing_key("test")
    signature = key.sign(canonical(document))
    listed = signed_file(document=canonical(document).decode(), signature=signature, key_id=key.key_id)
    for content in (sound, b"another"):
        with zipfile.ZipFile(folder / "cut-30.zip", "w") as archive:
            archive.writestr("cut-30/cut-30.wav", content)
            archive.writestr("cut-30/files.json", listed)
        if content == sound:
            assert "cut-30.zip: cut-30.wav is cut-30.wav" in verify(
                folder / "certificate.json", folder / "cut-30.zip"
            )
            assert "cut-30.zip: cut-30.wav is cut-30.wav" in verify(folder)
        else:
            with pytest.raises(CommandError, match=r"cut-30.wav is not the cut-30.wav that was delivered"):
                verify(folder)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more"])
def test_a_broken_zip_is_one_line(folder: Path, content: bytes) -> None:
    (folder / "broken.zip").write_bytes(content)
    for arguments in ([folder / "broken.zip"], [folder / "certificate.json", folder / "broken.zip"]):
        with pytest.raises(CommandError, match="invalid: "):
            verify(*arguments)


def test_a_folder_without_a_certificate_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"holds neither certificate.json nor files.json"):
        verify(tmp_path)
