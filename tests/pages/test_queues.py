"""Every task has a queue of its own kind, and every queue a worker that listens to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from marketplace.celery import app
from marketplace.management.commands import serve

DEPLOY = Path(settings.BASE_DIR) / "deploy"
UNIT = (DEPLOY / "systemd" / "soloscore-worker@.service").read_text()


def queues_of_all_tasks() -> dict[str, str]:
    app.loader.import_default_modules()
    tasks = sorted(name for name in app.tasks if not name.startswith("celery."))
    return {name: app.amqp.router.route({}, name)["queue"].name for name in tasks}


def test_every_task_goes_to_its_queue() -> None:
    queues = queues_of_all_tasks()
    assert {name for name, queue in queues.items() if queue == "compose"} == {
        "generation.tasks.compose_composition"
    }
    assert {name for name, queue in queues.items() if queue == "files"} == {
        "licensing.tasks.build_extra",
        "licensing.tasks.finish_replacements",
        "payments.tasks.deliver_files",
    }
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(queues)


@pytest.mark.parametrize("where", ["make run", "systemd", "compose.yaml"])
def test_every_queue_has_a_worker(where: str) -> None:
    listened_to = {
        "make run": lambda: _queues_after("--queues", serve._worker_command()),
        "systemd": lambda: re.findall(r"soloscore-worker@(\w+)", UNIT.splitlines()[0]),
        "compose.yaml": lambda: re.findall(r"QUEUES: (\w+)", (DEPLOY / "compose.yaml").read_text()),
    }[where]()
    assert set(listened_to) == set(queues_of_all_tasks().values()) == set(settings.WORKER_QUEUES)


def _queues_after(option: str, command: list[str]) -> list[str]:
    return command[command.index(option) + 1].split(",")
