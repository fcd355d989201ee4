"""Building a cut or a loop on the worker: music, a readme, a signed list of files, one archive.

Everything is made in a work folder. The archive takes its final place in the transaction that marks the extra as
ready, and only while the worker's claim is in the row: it is there whole or not at all.
"""

from __future__ import annotations

import errno
import logging
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.addresses import address
from accounts.languages import language_of
from generation import storage
from generation.audio.errors import StorageFull
from generation.audio.files import write_master
from generation.audio.loop import make_loop
from generation.audio.marks import Mark
from generation.audio.master import Sound
from generation.audio.performance import perform
from generation.audio.recording import recorded
from generation.composer.compose import NotOriginalError, compose, cut, load_model
from generation.composer.score import Score
from generation.composer.write import write_midi, write_musicxml
from generation.models import Composition
from generation.orders import SEED_MAX, OrderFields
from generation.originality.report import check
from generation.worker import composer_order
from generation.works import WorksOnRecord
from licensing import keys
from licensing.archive import pack
from licensing.canonical import canonical
from licensing.copies import house_mark, verify_url, write_copies
from licensing.documents import signed_file, utc
from licensing.extras import SECONDS, Kind, State, claim, move, path_of, root
from licensing.models import Certificate, Extra
from licensing.services import status_of

logger = logging.getLogger(__name__)

SCHEMA = "soloscore-extra/1"
LIST = "files.json"
README = "README.txt"
ENDINGS_TO_TRY = 4
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Refused(Exception):
    """This extra ends here; the message is a code of ``REFUSALS`` for its owner, who may ask again."""


class _Lost(Exception):
    """The row is no longer ours: write nothing."""


def build(extra_id: int) -> bool:
    """Build one queued extra; True if it became ready. One that is not queued is left alone.

    Whatever goes wrong leaves no file and ends in a state with a reason; the owner can ask again.
    """
    extra = claim(extra_id)
    if extra is None:
        return False
    work = _work_folder(extra)
    try:
        work.mkdir(parents=True)
        _make(extra, work=work)
    except _Lost:
        logger.info("extra %s: no longer ours, stopped", extra)
        return False
    except Refused as refusal:
        return _failed(extra, str(refusal))
    except Exception as error:
        logger.exception("extra %s could not be built", extra)
        full = isinstance(error, StorageFull) or (isinstance(error, OSError) and error.errno in DISK_FULL)
        return _failed(extra, "disk_full" if full else "unforeseen")
    except BaseException:
        move(extra.pk, to=State.QUEUED, only_if={"claim": extra.claim})
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return True


def write_cut(*, certificate: Certificate, seconds: int, tries: int, folder: Path) -> str:
    """Compose the piece's beginning with an ending of its own, write sound, MIDI and PDF, and return the title.

    ``tries`` counts the endings that were refused before. Raises ``Refused`` if every new one comes too near to
    training music or to another work on record.
    """
    composition = certificate.right.composition
    title = _("%(title)s (%(seconds)s seconds)") % {"title": _sold_as(certificate), "seconds": seconds}
    score = replace(_cut(composition, seconds=seconds, tries=tries), title=title)
    _write_master(
        _mastered(score, seed=composition.seed, mark=house_mark(certificate)),
        certificate=certificate,
        folder=folder,
    )
    _write_copies(score=score, certificate=certificate, folder=folder)
    return title


def write_loop(*, certificate: Certificate, folder: Path) -> str:
    """Write the piece as a seamless loop, sound only, and return the title."""
    composition = certificate.right.composition
    title = _("%(title)s (loop)") % {"title": _sold_as(certificate)}
    score = replace(storage.read_score(composition), title=title)
    _write_master(
        make_loop(
            score=score,
            seed=composition.seed,
            cache_dir=Path(settings.SOUND_CACHE_DIR),
            mark=house_mark(certificate),
        ).sound,
        certificate=certificate,
        folder=folder,
    )
    _write_copies(score=score, certificate=certificate, folder=folder)
    # An MP3 begins and ends with some silence of its encoder, which no player cuts away reliably.
    for name in ("master.mp3", "score.pdf", storage.SCORE_MIDI):
        (folder / name).unlink()
    return title


def _sold_as(certificate: Certificate) -> str:
    return str(certificate.facts["composition"]["title"])


def _make(extra: Extra, *, work: Path) -> None:
    if status_of(extra.certificate) != "valid":
        raise Refused("not_in_force")
    folder = work / f"{extra.certificate_id}-{extra.kind}"
    folder.mkdir()
    seconds = SECONDS.get(extra.kind)
    with translation.override(language_of(extra.certificate.holder)):
        if seconds:
            tries = (extra.attempts - 1) * ENDINGS_TO_TRY
            title = write_cut(certificate=extra.certificate, seconds=seconds, tries=tries, folder=folder)
        else:
            title = write_loop(certificate=extra.certificate, folder=folder)
    for path in folder.iterdir():
        path.rename(path.with_stem(extra.kind))
    (folder / README).write_text(_readme(extra, title=title), encoding="utf-8")
    signed = _sign(extra, title=title, folder=folder, now=timezone.now())
    archive = work / f"{extra.kind}.zip"
    pack(folder, archive=archive, name=folder.name, made=extra.requested_at)
    _put_in_place(extra, archive=archive, signed=signed)


def _cut(composition: Composition, *, seconds: int, tries: int) -> Score:
    source = cut(storage.read_score(composition), seconds=seconds)
    model = load_model(composition.instrument_id)
    order = OrderFields(
        instrument=composition.instrument_id, seconds=seconds, temperature=composition.temperature
    )
    for number in range(tries, tries + ENDINGS_TO_TRY):
        seed = (composition.seed + number) % (SEED_MAX + 1)
        try:
            composed = compose(composer_order(order, seed=seed), model=model, source=source)
        except NotOriginalError:
            continue
        works = WorksOnRecord(without=[composition.pk])
        if check(composed.score.notes, corpus=model.index, works=works).may_be_offered:
            return composed.score
    raise Refused("too_near")


def _mastered(score: Score, *, seed: int, mark: Mark) -> Sound:
    performance = perform(score=score, seed=seed)
    return recorded(performance, score=score, mark=mark, cache_dir=Path(settings.SOUND_CACHE_DIR))


def _write_master(sound: Sound, *, certificate: Certificate, folder: Path) -> None:
    """Write what the copies are made of. A function of its own, so that the sound is gone when they are made."""
    write_master(sound=sound, path=folder / storage.MASTER, seed=certificate.right.composition.seed)


def _write_copies(*, score: Score, certificate: Certificate, folder: Path) -> None:
    """Write the labelled copies, MIDI and the printed score: the one place where the files of an extra are made."""
    master_path, musicxml, midi = (
        folder / name for name in (storage.MASTER, storage.SCORE_XML, storage.SCORE_MIDI)
    )
    write_midi(score, midi)
    write_musicxml(score, musicxml)
    write_copies(
        certificate=certificate,
        title=score.title,
        master=master_path,
        musicxml=musicxml,
        midi=[midi],
        directory=folder,
    )
    musicxml.unlink()


def _sign(extra: Extra, *, title: str, folder: Path, now: datetime) -> dict[str, Any]:
    """Write the signed list of the files in ``folder``, and return what of it goes into the row."""
    certificate = extra.certificate
    key = keys.signing_key(keys.purpose_of(is_test=certificate.is_test))
    facts = certificate.facts
    document = {
        "schema": SCHEMA,
        "copyright_id": certificate.pk,
        "kind": extra.kind,
        "composition": {"id": facts["composition"]["id"], "title": title},
        "licensee": facts["licensee"],
        "issued_at": facts["issued_at"],
        "test": certificate.is_test,
        "files": [_entry(path) for path in sorted(folder.iterdir())],
        "made_at": utc(now),
        "key_id": key.key_id,
    }
    if "notice" in facts:
        document["notice"] = facts["notice"]
    message = canonical(document)
    signed = {"document": message.decode(), "signature": key.sign(message), "key_id": key.key_id}
    (folder / LIST).write_bytes(signed_file(**signed))
    return signed


def _entry(path: Path) -> dict[str, Any]:
    return {"name": path.name, "size": path.stat().st_size, "sha256": storage.sha256_of(path)}


def _put_in_place(extra: Extra, *, archive: Path, signed: dict[str, Any]) -> None:
    """Make the archive the owner's. Raises ``_Lost`` if another worker has the row meanwhile."""
    target = path_of(extra.certificate_id, extra.kind)
    target.parent.mkdir(parents=True, exist_ok=True)
    facts = signed | {"size": archive.stat().st_size, "sha256": storage.sha256_of(archive)}
    with transaction.atomic():
        if not move(extra.pk, to=State.READY, only_if={"claim": extra.claim}, **facts):
            raise _Lost
        archive.replace(target)


def _work_folder(extra: Extra) -> Path:
    """Our own folder; those that dead workers left of the same extra are removed."""
    place = root() / ".work"
    name = f"{extra.certificate_id}-{extra.kind}"
    for old in place.glob(f"{name}-*"):
        shutil.rmtree(old, ignore_errors=True)
    return place / f"{name}-{extra.claim}"


def _failed(extra: Extra, reason: str) -> bool:
    try:
        move(extra.pk, to=State.FAILED, only_if={"claim": extra.claim}, error=reason)
    except DatabaseError:
        logger.exception("extra %s: the sweep will have to see to it", extra)
    return False


def _readme(extra: Extra, *, title: str) -> str:
    certificate = extra.certificate
    kind = extra.kind
    music = [
        f"{kind}.wav         the recording, 24 bit",
        f"{kind}.flac        the same, packed without loss",
    ]
    if kind == Kind.LOOP:
        music += [
            "",
            "Repeat either file without a gap: its end goes over into its beginning. There is no MP3 of a loop,",
            "since MP3 adds a little silence at both ends and cannot be repeated without a gap.",
        ]
    else:
        music += [
            f"{kind}.mp3         the same, 320 kbit/s",
            f"{kind}.mid         the notes as written",
            f"{kind}.pdf         the printed score",
        ]
    return "\n".join(
        [
            f"{title} — Copyright ID {certificate.pk}",
            *([certificate.facts["notice"]] if certificate.is_test else []),
            "",
            *music,
            "",
            f"This is made from the piece of certificate {certificate.pk} and belongs to its licensee",
            f"({certificate.facts['licensee']}) under the same licence.",
            f"{LIST} holds the SHA-256 of every file, signed with the key of the certificate:",
            f"  python manage.py verify_certificate {LIST} --keys KEYS.json",
            f"The certificate: {verify_url(certificate)}",
            f"The public keys: {address('signing_keys')}",
            "",
        ]
    )
