"""The Celery application. The broker is only a bell: what is to be done stands in the database."""

import os
from datetime import timedelta
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import worker_process_init

from marketplace.tracing import start_tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")

app = Celery("soloscore", task_cls="celery.contrib.django.task:DjangoTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
ROUNDS = {
    "sweep-compositions": ("generation.tasks.sweep_compositions", 5),
    "send-ready-mails": ("generation.tasks.send_ready_mails", 5),
    "sweep-purchases": ("payments.tasks.sweep_purchases", 30),
    "sweep-extras": ("licensing.tasks.sweep_extras", 30),
    "finish-replacements": ("licensing.tasks.finish_replacements", 30),
    "deliver-webhooks": ("accounts.tasks.deliver_webhooks", 5),
    "mail-complainants": ("licensing.tasks.mail_complainants", 30),
    "deliver-files": ("payments.tasks.deliver_files", 5),
    "drain-outbox": ("payments.tasks.drain_outbox", 5),
}
"""What the clock rings again and again: the task, and the seconds between. After twice that a bell is void."""

AT_HOURS = {
    "reconcile-with-stripe": ("payments.tasks.reconcile", crontab(hour=3, minute=20)),
    "check-the-register": ("payments.tasks.check_register", crontab(hour=3, minute=40)),
    "forget-old-webhooks": ("accounts.tasks.sweep_webhooks", crontab(hour=4, minute=10)),
    "forget-old-keys": ("accounts.tasks.forget_old_keys", crontab(minute=10)),
}

app.conf.beat_schedule = {
    name: {"task": task, "schedule": timedelta(seconds=seconds), "options": {"expires": 2 * seconds}}
    for name, (task, seconds) in ROUNDS.items()
} | {name: {"task": task, "schedule": when} for name, (task, when) in AT_HOURS.items()}


@worker_process_init.connect
def trace(**_: Any) -> None:
    """Start tracing where the tasks run, after the fork."""
    start_tracing("worker")
