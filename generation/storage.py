"""Where the files of a composition lie. None of these paths has an address on the web.

``compositions/<id>/`` in the private storage holds a finished piece, ``compositions/.work/<id>-<claim>/`` one in the
making; a finished work folder is renamed, so that a piece's folder is there whole or not at all. Of a piece in the
making only the opening may be heard, and it goes when the piece is finished.
"""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from django.core.files.storage import default_storage

from generation.composer import stored
from generation.composer.score import Score
from generation.models import Composition

MASTER = "master.flac"
PERFORMANCE = "performance.mid"
SCORE_MIDI = "score.mid"
SCORE_XML = "score.musicxml"
SCORE_JSON = stored.FILE_NAME
PREVIEW = "preview.mp3"
OPENING = "opening.mp3"
NAMES = frozenset({MASTER, PERFORMANCE, SCORE_MIDI, SCORE_XML, SCORE_JSON, PREVIEW})


def folder_of(composition_id: uuid.UUID) -> Path:
    """Return the folder of a finished piece, whether it is there or not."""
    return _root() / str(composition_id)


def work_folder_of(composition_id: uuid.UUID, *, claim: uuid.UUID) -> Path:
    """Return the folder in which the worker with this claim works."""
    return _work_root() / f"{composition_id.hex}-{claim.hex}"


def path_of(composition: Composition, name: str) -> Path:
    """Return the path of one file of a finished piece; only the known names have one."""
    if name not in NAMES:
        raise ValueError(f"A composition has no file {name!r}; it has {', '.join(sorted(NAMES))}.")
    return folder_of(composition.pk) / name


def preview_path(composition: Composition) -> Path:
    """Return the path of the watermarked preview, the only file of a finished piece that is heard before a sale."""
    return path_of(composition, PREVIEW)


def opening_path(composition: Composition) -> Path | None:
    """Return the path of the opening of a piece in work, if its worker has come so far; None otherwise."""
    if composition.claim is None or composition.state != Composition.State.RENDERING:
        return None
    path = work_folder_of(composition.pk, claim=composition.claim) / OPENING
    return path if path.is_file() else None


def finish_folder(composition_id: uuid.UUID, *, claim: uuid.UUID) -> None:
    """Turn the work folder into the piece's folder. The caller holds the row, so no other worker can be here.

    A folder left by a worker that died between the rename and its commit is replaced.
    """
    target = folder_of(composition_id)
    if target.exists():
        shutil.rmtree(target)
    work = work_folder_of(composition_id, claim=claim)
    (work / OPENING).unlink(missing_ok=True)
    work.rename(target)


def remove_work_folder(composition_id: uuid.UUID, *, claim: uuid.UUID) -> None:
    """Delete what a worker with this claim has written; nothing happens if there is nothing."""
    shutil.rmtree(work_folder_of(composition_id, claim=claim), ignore_errors=True)


def work_folders() -> Iterator[tuple[Path, uuid.UUID, uuid.UUID]]:
    """Go through all work folders with the composition and the claim each belongs to."""
    if not _work_root().is_dir():
        return
    for path in _work_root().iterdir():
        composition, _, claim = path.name.partition("-")
        try:
            yield path, uuid.UUID(composition), uuid.UUID(claim)
        except ValueError:
            continue


def write_score(score: Score, path: Path) -> None:
    """Write a score so that ``read_score`` gives the same score back."""
    path.write_text(stored.to_json(score), encoding="utf-8")


def read_score(composition: Composition) -> Score:
    """Read the score of a finished piece. Raises ``DamagedScoreError``, a ``ValueError``."""
    return stored.from_json(path_of(composition, SCORE_JSON).read_bytes())


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _root() -> Path:
    return Path(default_storage.path("compositions"))


def _work_root() -> Path:
    return _root() / ".work"
