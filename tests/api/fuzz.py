"""``python -m tests.api.fuzz [--requests 5000] [--seed 1]``: schemathesis over the whole schema, in process.

A scratch database holds a live partner, a sandbox one and pieces of every kind. Whatever the requests do to them, each
answer must fit the schema and none may be a 5xx. Each operation is asked by nobody, by the live partner and by the
sandbox one; a part of the requests follows from one answer to the next (stateful), as either partner. Prints counts and
failures; the exit status is 1 if there are any.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

SHARE_STATEFUL = 0.3
STEPS = 6
ROUNDS = 3


@dataclass(slots=True)
class Tally:
    """What was asked and what failed."""

    statuses: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """How many requests were answered."""
        return sum(self.statuses.values())

    def table(self) -> str:
        """Say it in lines."""
        codes = ", ".join(f"{code} × {count}" for code, count in sorted(self.statuses.items()))
        return (
            f"{self.requests} requests to {len(self.operations)} operations: {codes}\n"
            f"{len(self.failures)} failures"
        )


class Known:
    """What earlier answers named. Two of three requests are aimed at it: drawn keys would find nothing but 404s."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._keys: dict[str, list[str]] = {"composition_id": [], "purchase_id": [], "copyright_id": []}

    def aim(self, case: Any) -> None:
        """Put known keys, and an instrument there is, in the place of drawn ones."""
        if self._chance.random() < 1 / 3:
            return
        for name, keys in self._keys.items():
            if keys and name in (case.path_parameters or {}):
                case.path_parameters[name] = self._chance.choice(keys)
        if isinstance(case.body, dict):
            if "instrument" in case.body:
                case.body["instrument"] = self._chance.choice(["piano", "guitar"])
                case.body.pop("tonic", None)  # nearly every drawn one is no key
            if "composition" in case.body and self._keys["composition_id"]:
                case.body["composition"] = self._chance.choice(self._keys["composition_id"])
                case.body["licensee"] = "Bakery Krume"
                case.body.setdefault("return_url", "https://acme.example/")

    def learn(self, response: Any) -> None:
        """Keep the keys an answer names."""
        try:
            body = response.json()
        except ValueError:
            return
        rows = body.get("results", [body]) if isinstance(body, dict) else body
        for row in filter(lambda row: isinstance(row, dict), rows):
            kind = "purchase_id" if "licensee" in row else "composition_id" if "sale_state" in row else ""
            if kind and "id" in row:
                self._keys[kind].append(row["id"])
            if row.get("certificate"):
                self._keys["copyright_id"].append(row["certificate"])


def fuzz(*, requests: int, seed: int, tokens: dict[str, str]) -> Tally:
    """Send about ``requests`` requests by each way and return what came of it. ``tokens`` are by the partner's kind."""
    import hypothesis
    import schemathesis
    from django.core.cache import cache
    from django.test import override_settings
    from hypothesis import HealthCheck, Phase, Verbosity
    from schemathesis.core.failures import Failure, FailureGroup
    from schemathesis.specs.openapi import checks as of_openapi
    from schemathesis.specs.openapi.checks import unsupported_method

    from marketplace.wsgi import application

    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", application)
    tally = Tally()
    # Authentication comes first: without a token a wrong method is a 401, which this check takes for a fault.
    # A right that has ended, or a purchase that is not of the sandbox, is a 403 with a perfect token.
    excluded = [unsupported_method, *_not_for_us(of_openapi)]
    headers: dict[str, dict[str, str]] = {"nobody": {}} | {
        kind: {"Authorization": f"Bearer {token}"} for kind, token in tokens.items()
    }

    known = Known(random.Random(seed))

    def send(case: Any, who: str) -> Any:
        cache.clear()  # the quotas have tests of their own
        known.aim(case)
        response = case.call(headers=headers[who])
        tally.statuses[str(response.status_code)] += 1
        tally.operations[f"{case.operation.method.upper()} {case.operation.path}"] += 1
        try:
            case.validate_response(response, excluded_checks=excluded)
        except (Failure, FailureGroup) as failure:
            sent = f"{who}: {case.operation.method.upper()} {case.formatted_path} {case.body!r}"
            tally.failures.append(f"{sent}\n  {response.status_code} {response.text[:300]}\n  {failure}")
        known.learn(response)
        return response

    operations = [result.ok() for result in schema.get_all_operations()]
    each = max(1, round(requests * (1 - SHARE_STATEFUL) / (len(operations) * len(headers))))
    limits = hypothesis.settings(
        max_examples=each,
        deadline=None,
        database=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
        verbosity=Verbosity.quiet,
    )
    scenarios = max(1, round(requests * SHARE_STATEFUL / STEPS / len(tokens)))
    with override_settings(COMPOSITIONS_IN_WORK_PER_MAKER=10**6, COMPOSITIONS_QUEUED_AT_MOST=10**6):
        for operation in operations:
            for who in headers:
                _try_all(operation, limits=limits, seed=seed, send=lambda case, who=who: send(case, who))
        for who in tokens:
            for _round in range(ROUNDS):
                _follow_links(schema, send=send, who=who, scenarios=max(2, scenarios // ROUNDS))
    return tally


def _try_all(operation: Any, *, limits: Any, seed: int, send: Any) -> None:
    import hypothesis

    @hypothesis.seed(seed)
    @limits
    @hypothesis.given(case=operation.as_strategy())
    def try_one(case: Any) -> None:
        send(case)

    try_one()


def _follow_links(schema: Any, *, send: Any, who: str, scenarios: int) -> None:
    """Go from answer to answer: what one operation makes, the next ones look at, change and buy."""
    import hypothesis

    class Walk(schema.as_state_machine()):  # type: ignore[misc]
        def call(self, case: Any, **_kwargs: Any) -> Any:
            return send(case, who)

        def validate_response(self, *_args: Any, **_kwargs: Any) -> None:
            """Done by ``send``."""

    limits = hypothesis.settings(
        max_examples=scenarios,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    # The shop remembers what was done to it, so that the generator, which goes through it anew in each scenario, may
    # find other ways than before. It calls that flaky and stops; what was sent until then was checked.
    with suppress(hypothesis.errors.Flaky):
        Walk.run(settings=limits)


def _not_for_us(module: Any) -> list[Any]:
    names = ("positive_data_acceptance", "negative_data_rejection", "missing_required_header", "ignored_auth")
    return [getattr(module, name) for name in names if hasattr(module, name)]


def a_stocked_shop() -> dict[str, str]:
    """Fill the database; return a token for each kind of partner."""
    from accounts import models
    from tests.api.partners import Partner
    from tests.factories import a_listed_composition, a_queued_composition, a_ready_composition, an_instrument

    for slug in ("piano", "guitar"):
        an_instrument(slug)
    tokens = {}
    for kind in ("live", "sandbox"):
        partner = Partner(kind=kind, credit_limit_minor=10**7)
        trial = {"is_sandbox": True, "is_private": True} if kind == "sandbox" else {}
        for _ in range(20):
            a_ready_composition(maker=partner.maker, **trial)
        a_queued_composition(maker=partner.maker, **trial)
        tokens[kind] = partner.token
    models.Partner.objects.update(compositions_per_day=10**6, holds_at_once=10**4)
    for state in ["available"] * 12 + ["sold", "retired"]:
        a_listed_composition(sale_state=state)
    return tokens


def main() -> int:
    """Make a scratch database, fuzz, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soloscore-fuzz-") as folder:
        os.environ["SOLOSCORE_VAR_DIR"] = folder
        os.environ["CELERY_BROKER_URL"] = "memory://"
        os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
        import django

        django.setup()
        import logging

        from django.conf import settings
        from django.core.management import call_command
        from django.db import connection

        settings.ALLOWED_HOSTS = ["*"]
        logging.disable(logging.ERROR)
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        tally = fuzz(requests=asked.requests, seed=asked.seed, tokens=a_stocked_shop())
        connection.close()
    for failure in tally.failures[:20]:
        sys.stdout.write(f"{failure}\n\n")
    sys.stdout.write(f"{tally.table()}\n")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
