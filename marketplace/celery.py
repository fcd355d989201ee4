"""The Celery application. The broker is only a bell: what is to be done stands in the database."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from marketplace.tracing import start_tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")

app = Celery("soloscore", task_cls="celery.contrib.django.task:DjangoTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def trace(**_: Any) -> None:
    """Start tracing where the tasks run, after the fork."""
    start_tracing("worker")
