"""Building what the owner gets: music files, certificate, signature, and one archive of it all. Runs on the worker.

Everything is made in a work folder. It takes its final place in the transaction that writes the signature, under a lock
on the certificate: of two workers one delivers, and what is signed is what lies there.
"""

from __future__ import annotations

import json
import logging
import shutil
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from generation import storage
from generation.audio.errors import AudioError
from generation.audio.following import write_drawing
from generation.audio.timing import cpu_timed
from licensing import keys, register
from licensing.archive import ARCHIVE, DRAWING, pack
from licensing.canonical import canonical
from licensing.copies import copy_mark, verify_url, write_copies
from licensing.documents import signed_file, utc
from licensing.errors import DeliveryFailed
from licensing.models import Certificate, DeliveredFile
from licensing.papers import write_papers
from licensing.pdf import write_certificate_pdf
from licensing.services import folder_of, work_root
from licensing.terms import terms_text

logger = logging.getLogger(__name__)

CERTIFICATE_PDF = "certificate.pdf"
CERTIFICATE_JSON = "certificate.json"
LICENCE = "licence.md"


def build_and_sign(certificate: Certificate) -> None:
    """Build every file of a certificate and sign it once. A certificate signed meanwhile is left alone.

    Logs the processor time of each stage. Raises ``DeliveryFailed``, then nothing is left, or ``SigningKeyMissing``.
    """
    work = work_root() / f"{certificate.pk}-{uuid.uuid4().hex}"
    timings: dict[str, float] = {}
    try:
        work.mkdir(parents=True)
        write_music_files(certificate=certificate, folder=work, timings=timings)
        now = timezone.now()
        with cpu_timed(timings, "certificate"):
            document = _document(certificate, folder=work, now=now)
        with cpu_timed(timings, "archive"):
            _put_in_place(certificate, work=work, document=document, now=now)
    except (AudioError, OSError, ValueError) as error:
        raise DeliveryFailed(f"The files of {certificate.pk} could not be built: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    total = sum(timings.values())
    logger.info("delivery %s took %.2f s of processor time: %s", certificate.pk, total, json.dumps(timings))


def write_music_files(*, certificate: Certificate, folder: Path, timings: dict[str, float]) -> None:
    """Write sound, score, MIDI and the drawing that follows the sound; add to ``timings`` what it took."""
    composition = certificate.right.composition
    musicxml = storage.path_of(composition, storage.SCORE_XML)
    written = write_copies(
        certificate=certificate,
        title=certificate.facts["composition"]["title"],
        master=storage.path_of(composition, storage.MASTER),
        musicxml=musicxml,
        midi=[storage.path_of(composition, name) for name in (storage.SCORE_MIDI, storage.PERFORMANCE)],
        directory=folder,
        mark=copy_mark(certificate),
    )
    timings.update(written.timings)
    with cpu_timed(timings, "drawing"):
        write_drawing(musicxml=musicxml, score=storage.read_score(composition), path=folder / DRAWING)


def _document(certificate: Certificate, *, folder: Path, now: datetime) -> dict[str, Any]:
    """Finish the certificate's document: the facts, the licence, the PDF, and the checksum of every file so far."""
    key = keys.signing_key(keys.purpose_of(is_test=certificate.is_test))
    (folder / LICENCE).write_text(terms_text(certificate.facts["terms"]["version"]), encoding="utf-8")
    write_certificate_pdf(
        facts=certificate.facts,
        files=[(name, digest) for name, _size, digest in _listing(folder)],
        verify_url=verify_url(certificate),
        key_id=key.key_id,
        anchor=register.entry_of_issue(certificate),
        path=folder / CERTIFICATE_PDF,
    )
    write_papers(certificate, folder=folder)
    files = [{"name": name, "size": size, "sha256": digest} for name, size, digest in _listing(folder)]
    anchor = register.entry_of_issue(certificate)
    return {
        **certificate.facts,
        "files": files,
        "register": {"number": anchor.number, "hash": anchor.hash},
        "key_id": key.key_id,
        "signed_at": utc(now),
    }


def _put_in_place(certificate: Certificate, *, work: Path, document: dict[str, Any], now: datetime) -> None:
    """Sign, complete the work folder, and make it the owner's, unless somebody else has done so meanwhile."""
    key = keys.signing_key(keys.purpose_of(is_test=certificate.is_test))
    message = canonical(document)
    signature = key.sign(message)
    text = message.decode()
    (work / CERTIFICATE_JSON).write_bytes(signed_file(document=text, signature=signature, key_id=key.key_id))
    pack(work, archive=work / ARCHIVE, name=str(certificate.pk), made=certificate.issued_at)
    files = [
        DeliveredFile(certificate=certificate, name=name, size=size, sha256=digest)
        for name, size, digest in _listing(work)
    ]
    with transaction.atomic():
        locked = Certificate.objects.select_for_update().get(pk=certificate.pk)
        if locked.signed_at is not None:
            return
        target = folder_of(certificate.pk)
        # A folder without a signature was left by a worker that died between the rename and its commit.
        shutil.rmtree(target, ignore_errors=True)
        work.rename(target)
        DeliveredFile.objects.bulk_create(files)
        Certificate.objects.filter(pk=certificate.pk).update(
            document=text, signature=signature, key_id=key.key_id, signed_at=now
        )
        register.record_signature(certificate.pk, document=text, at=now)


def _listing(folder: Path) -> list[tuple[str, int, str]]:
    return [(path.name, path.stat().st_size, storage.sha256_of(path)) for path in sorted(folder.iterdir())]
