"""A worker on its own, to be measured from outside: ``python -m marketplace.bench_worker PART …``.

It does what the worker does, through the same functions, in the data folder of ``SOLOSCORE_VAR_DIR``, and prints what
it spent as the last line of its output, in JSON.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import django
from django.core.management import call_command

EMAIL = "owner@bench.example"


def main() -> None:
    """Run one part. The numbers after its name are seconds of music and seeds, or the ids of pieces."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    django.setup()
    logging.disable(logging.WARNING)
    part, *arguments = sys.argv[1:]
    if part == "prepare":
        for name in ("migrate", "createcachetable", "sync_instruments"):
            call_command(name, verbosity=0)
        found: Any = None
    else:
        from generation.worker import warm_up

        warm_up()
        found = PARTS[part](*arguments)
    sys.stdout.write(f"\n{json.dumps(found)}\n")


def composed(instrument: str, seconds: str, *seeds: str) -> list[dict[str, Any]]:
    """Compose and render pieces from order to shop; the first finds fonts and programs cold and is left out."""
    from accounts.services import HOUSE_CLIENT, maker_of_client
    from generation.models import Composition
    from generation.orders import OrderFields
    from generation.services import request_composition
    from generation.worker import run

    pieces = []
    for seed in ("0", *seeds):
        order = OrderFields(instrument=instrument, seconds=int(seconds), seed=int(seed))
        piece = request_composition(maker=maker_of_client(HOUSE_CLIENT), order=order)
        spent = _measured(partial(run, piece.pk))
        piece.refresh_from_db()
        if piece.state != Composition.State.READY:
            raise RuntimeError(f"the piece of seed {seed} {piece.state}: {piece.reason}")
        pieces.append(spent | {"id": str(piece.pk), "timings": piece.timings})
    return pieces[1:]


def delivered(*ids: str) -> list[dict[str, Any]]:
    """Sell pieces and build what their owner gets; the first sale finds libraries cold and counts as well."""
    from licensing.models import Certificate
    from licensing.services import deliver

    sales = []
    for identity in ids:
        right = _sold(identity)
        spent = _measured(partial(deliver, purchase_id=right.purchase_id))
        if Certificate.objects.get(right=right).signed_at is None:
            raise RuntimeError(f"the files of {identity} were not built")
        sales.append(spent)
    return sales


def looped(*ids: str) -> list[dict[str, Any]]:
    """Build seamless loops of pieces, sold if they are not yet."""
    from licensing.extra_files import build
    from licensing.extras import Kind, State, request_extra

    loops = []
    for identity in ids:
        right = _sold(identity)
        extra = request_extra(user=right.holder, copyright_id=right.certificate.pk, kind=Kind.LOOP)
        loops.append(_measured(partial(build, extra.pk)))
        extra.refresh_from_db()
        if extra.state != State.READY:
            raise RuntimeError(f"the loop of {identity} was not built")
    return loops


def _sold(identity: str) -> Any:
    """The right in a piece, which is sold first if it is not yet."""
    from django.db import transaction
    from django.utils import timezone

    from accounts.models import User
    from generation.models import Composition
    from licensing.models import ExclusiveRight
    from licensing.services import grant_right
    from licensing.terms import versions

    right = ExclusiveRight.objects.filter(composition_id=identity).first()
    if right is not None:
        return right
    holder, _ = User.objects.get_or_create(email=EMAIL, defaults={"name": "Bench"})
    piece = Composition.objects.select_related("instrument", "model").get(pk=identity)
    with transaction.atomic():
        return grant_right(
            composition=piece,
            purchase_id=uuid.uuid4(),
            holder_id=holder.pk,
            licensee="Bench",
            price_minor=4900,
            currency=piece.currency,
            terms_version=versions()[-1],
            is_test=True,
            now=timezone.now(),
        )


def _measured(do: Callable[[], Any]) -> dict[str, Any]:
    """Processor and wall seconds of one call, the programs it waits for included."""
    cpu, wall = sum(os.times()[:4]), time.perf_counter()
    do()
    return {"cpu": sum(os.times()[:4]) - cpu, "wall": time.perf_counter() - wall}


PARTS: dict[str, Callable[..., list[dict[str, Any]]]] = {
    "compose": composed,
    "deliver": delivered,
    "loop": looped,
}

if __name__ == "__main__":
    main()
