"""Composing one piece from claim to shop. Loaded by workers and commands only: it brings composer and sound along."""

from __future__ import annotations

import errno
import importlib
import logging
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from django.db import DatabaseError
from django.urls import get_resolver

from generation import storage
from generation.audio import memory
from generation.audio.drawing import coarse_roll
from generation.audio.errors import SoundUnavailable, StorageFull, UnknownFont
from generation.audio.fingerprint import fingerprint_of, pack
from generation.audio.provenance import Signer
from generation.audio.timing import timed
from generation.catalogue import OFFERS, WEIGHTS, folder_in_use
from generation.composer.compose import (
    SEEDS_TO_TRY,
    Composed,
    InvalidOrderError,
    MissingModelError,
    NotOriginalError,
    Order,
    Source,
    compose,
    cut,
    extension,
    load_model,
    variation,
)
from generation.composer.model import ComposerModel as LoadedModel
from generation.composer.order import Density, Register
from generation.composer.score import Mode
from generation.composer.stored import DamagedScoreError
from generation.content_credentials import credentials
from generation.drawings import drawn_for_cards
from generation.failures import failure
from generation.jobs import AlreadyExistsError, Heartbeat, Job, LostClaimError, claim
from generation.kin import OFFERED, is_spent, kin_of
from generation.models import ComposerModel, Composition
from generation.orders import SECONDS_MIN, SEED_MAX, OrderFields, draw_seed
from generation.originality.report import Report, check
from generation.originality.runs import lines_on_record
from generation.production import produce
from generation.titles import kept_title
from generation.works import WorksOnRecord

logger = logging.getLogger(__name__)

COMPOSED = 30
"""Percent done when the notes stand: their share of the time, as measured."""

MODELS_AT_ONCE = 3
"""Models kept in memory; their networks are shared, so they are kept where they are read."""

LOADED_LATE = ("c2pa", "verovio", "reportlab.pdfgen.canvas")
"""Large libraries that are imported where they are needed, by web processes never."""

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class CannotCompose(Exception):
    """This order ends here, for a reason that the visitor is told (``generation.failures``)."""

    def __init__(self, code: str, **numbers: Any) -> None:
        self.failure = failure(code, **numbers)
        super().__init__(code)


def run(composition_id: uuid.UUID) -> bool:
    """Compose, render and offer one queued piece; True if it became ready.

    A piece that is not queued is left alone. Whoever loses the claim on the way (cancelled, or lapsed and given to
    another worker) stops and leaves nothing. A refusal ends the piece with its reason; anything unforeseen puts it
    back into the queue until its attempts are used up.
    """
    job = claim(composition_id)
    if job is None:
        return False
    try:
        with Heartbeat(job):
            _make(job)
    except LostClaimError:
        logger.info("composition %s: no longer ours, stopped", composition_id)
        return False
    except AlreadyExistsError:
        return _overtaken(job)
    except (
        CannotCompose,
        InvalidOrderError,
        MissingModelError,
        SoundUnavailable,
        StorageFull,
        OSError,
    ) as error:
        return _failed(job, error)
    except Exception as error:  # noqa: BLE001 (whatever it was, the piece must not stay in work)
        return _stumbled(job, error)
    except BaseException:
        job.give_back()
        raise
    finally:
        storage.remove_work_folder(composition_id, claim=job.claim)
    return True


def warm_up() -> None:
    """Do beforehand what the first piece or the first sale would otherwise wait for.

    That is to compile the composer and to load libraries and addresses. The model of the instrument that is offered
    first is loaded, the others take 0.1 s when they are asked for.
    """
    memory.keep_arrays_apart()
    for instrument in OFFERS:
        with suppress(MissingModelError):
            _compile(_loaded(instrument))
            break
    load_score_writer()
    for name in LOADED_LATE:
        importlib.import_module(name)
    # The addresses in a certificate are looked up in the pages, which bring all views and forms with them.
    _ = get_resolver().url_patterns


def _compile(model: LoadedModel) -> None:
    """Compose the shortest piece for nobody: its functions are compiled when they are first called."""
    with suppress(NotOriginalError):
        compose(Order(instrument=model.instrument, seconds=SECONDS_MIN, seed=0), model=model)


def load_score_writer() -> None:
    """Load music21, which takes seconds."""
    importlib.import_module("music21.midi")


SANDBOX_SEEDS = SEED_MAX + 1
"""Where the composer's seeds for the sandbox begin: no order of a customer ever gives the same notes."""


def composer_order(order: OrderFields, *, seed: int, variant: int = 0) -> Order:
    """Return an order as the composer takes it. Raises ``InvalidOrderError``."""
    return Order(
        instrument=order.instrument,
        seconds=order.seconds,
        seed=seed,
        mood=order.mood or None,
        tonic=order.tonic or None,
        mode=cast("Mode | None", order.mode or None),
        bpm=order.bpm,
        density=cast("Density | None", order.density or None),
        register=cast("Register | None", order.register or None),
        variant=variant,
        temperature=float(order.temperature),
    )


def order_of(piece: Composition) -> Order:
    """Return a row's order as the composer takes it."""
    seed = piece.seed + SANDBOX_SEEDS if piece.is_sandbox else piece.seed
    return composer_order(OrderFields.of(piece), seed=seed, variant=piece.variant)


def source_of(piece: Composition) -> Source | None:
    """Return what a version goes on from: the stored notes of its parent. Raises ``CannotCompose`` if that is gone."""
    if not piece.parent_id:
        return None
    parent = Composition.objects.get(pk=piece.parent_id)
    if parent.sale_state not in OFFERED:
        raise CannotCompose("parent_gone")
    try:
        score = storage.read_score(parent)
    except (OSError, DamagedScoreError) as error:
        logger.exception("composition %s: the notes of its parent cannot be read", piece.pk)
        raise CannotCompose("parent_unreadable") from error
    if piece.kind == Composition.Kind.VARIATION:
        return variation(score, from_bar=cast("int", piece.from_bar))
    if piece.kind == Composition.Kind.EXTENSION:
        return extension(score)
    return cut(score, seconds=piece.ordered_seconds)


def _make(job: Job) -> None:
    piece = job.composition
    began = time.perf_counter()
    model = _loaded(piece.instrument_id)
    record = ComposerModel.objects.filter(
        instrument=piece.instrument_id, weights_sha256=_weights_of(model)
    ).first()
    if record is None:
        raise CannotCompose("not_registered", version=model.version)
    composed, report = _compose(job, model=model)
    memory.give_back()
    job.start_rendering(
        percent=COMPOSED, notes=composed.notes, bpm=composed.score.bpm, roll=coarse_roll(composed.score)
    )
    folder = storage.work_folder_of(piece.pk, claim=job.claim)
    folder.mkdir(parents=True, exist_ok=True)
    score = replace(
        composed.score,
        title=piece.title or kept_title(piece, tonic=composed.score.tonic, mode=composed.score.mode),
    )
    timings = {"composing": composed.timings["total"]}
    rendering = produce(
        score,
        folder=folder,
        seed=piece.seed,
        work=piece.pk.bytes,
        signer=Signer(credentials=credentials(), composer=model.version),
        on_opening=lambda: timings.update(opening_heard=round(time.perf_counter() - began, 3)),
        progress=lambda fraction: job.report(percent=COMPOSED + (100 - COMPOSED) * fraction),
    )
    with timed(rendering.timings, "print"):
        audio_print = pack(fingerprint_of(folder / storage.MASTER))
    timings |= rendering.timings
    timings["total"] = round(time.perf_counter() - began, 3)
    job.finish(
        lines=lines_on_record(composed.score.notes),
        audio_print=audio_print,
        title=score.title,
        model=record,
        seconds=composed.seconds,
        bpm=score.bpm,
        tonic=score.tonic,
        mode=score.mode,
        metre="{}/{}".format(*score.metre),
        notes=composed.notes,
        fingerprint=composed.fingerprint,
        originality=_originality(report),
        timings=timings,
        peaks=rendering.peaks,
        roll=rendering.roll,
        **drawn_for_cards(peaks=rendering.peaks, roll=rendering.roll),
        preview_sha256=storage.sha256_of(folder / storage.PREVIEW),
        master_sha256=storage.sha256_of(folder / storage.MASTER),
    )


def _compose(job: Job, *, model: LoadedModel) -> tuple[Composed, Report]:
    """Compose until the piece is near to none on record. Only a seed that was drawn by us is drawn again.

    The composer is not shown the works on record: it would choose other notes because of them, and a seed must give
    the same notes whenever it is used.
    """
    # Its kin may have been sold while it waited.
    if is_spent(job.composition):
        if job.composition.parent_id:
            raise CannotCompose("family_sold")
        raise CannotCompose("seed_burned", seed=job.composition.seed)
    source = source_of(job.composition)
    for left in reversed(range(SEEDS_TO_TRY)):
        try:
            composed = compose(
                order_of(job.composition),
                model=model,
                progress=lambda fraction, notes: job.report(percent=COMPOSED * fraction, notes=notes),
                source=source,
            )
        except NotOriginalError as error:
            if job.composition.seed_is_fixed or not left:
                raise _too_near(job.composition) from error
        else:
            # Its kin leave the shop with it, so it may be near to them.
            kin = kin_of(job.composition).values_list("pk", flat=True)
            works = WorksOnRecord(without=[job.composition.pk, *kin])
            report = check(composed.score.notes, corpus=model.index, works=works)
            twin = Composition.objects.filter(fingerprint=composed.fingerprint).exists()
            if report.may_be_offered and not twin:
                return composed, report
            if job.composition.seed_is_fixed or not left:
                break
        job.change_seed(draw_seed())
    raise _too_near(job.composition)


def _loaded(instrument: str) -> LoadedModel:
    """Return the model that is in use for an instrument now."""
    return _loaded_from(instrument, folder_in_use(instrument))


@lru_cache(maxsize=MODELS_AT_ONCE)
def _loaded_from(instrument: str, folder: Path) -> LoadedModel:
    """Load a model once, as long as it is among the last few asked for; reading and verifying it takes a while."""
    return load_model(instrument, folder)


def _weights_of(model: LoadedModel) -> str:
    return str(model.card["sha256"][WEIGHTS])


def _originality(report: Report) -> dict[str, int | str | float | None]:
    """Tell how near the piece is, without the name of another customer's work."""
    return {
        "longest_run_corpus": report.longest_run_corpus,
        "longest_run_works": report.longest_run_works,
        "nearest": report.nearest_corpus if report.longest_run_corpus >= report.longest_run_works else None,
        "share": round(report.share, 4),
    }


def _too_near(piece: Composition) -> CannotCompose:
    return (
        CannotCompose("version_too_near") if piece.parent_id else CannotCompose("too_near", seed=piece.seed)
    )


def _overtaken(job: Job) -> bool:
    """The same piece became ready elsewhere while this one was rendered."""
    if job.composition.seed_is_fixed:
        job.fail(_too_near(job.composition).failure)
    else:
        with suppress(LostClaimError):
            job.change_seed(draw_seed())
        job.give_back()
    return False


def _failed(job: Job, error: Exception) -> bool:
    """End a piece with a reason that a visitor can read."""
    if isinstance(error, StorageFull) or (isinstance(error, OSError) and error.errno in DISK_FULL):
        reason = failure("disk_full")
    elif isinstance(error, OSError):
        return _stumbled(job, error)
    elif isinstance(error, MissingModelError | UnknownFont):
        # The message names files of this machine: it is for the log.
        reason = failure("damaged")
    elif isinstance(error, SoundUnavailable):
        reason = failure("sound_missing", problem=str(error))
    elif isinstance(error, CannotCompose):
        reason = error.failure
    else:
        reason = failure("unforeseen")
    logger.error("composition %s failed: %s", job.composition.pk, error)
    job.fail(reason)
    return False


def _stumbled(job: Job, error: Exception) -> bool:
    """Try again later what nobody foresaw, as often as a piece may be tried."""
    logger.error("composition %s stumbled", job.composition.pk, exc_info=error)
    try:
        if job.composition.attempts >= Composition.MAX_ATTEMPTS:
            job.fail(failure("unforeseen"))
        else:
            job.give_back()
    except DatabaseError:
        logger.exception("composition %s: the sweeper will have to see to it", job.composition.pk)
    return False
