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
app.conf.beat_schedule = {
    "sweep-compositions": {
        "task": "generation.tasks.sweep_compositions",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 10},
    },
    "send-ready-mails": {
        "task": "generation.tasks.send_ready_mails",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 10},
    },
    "sweep-purchases": {
        "task": "payments.tasks.sweep_purchases",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 60},
    },
    "reconcile-with-stripe": {
        "task": "payments.tasks.reconcile",
        "schedule": crontab(hour=3, minute=20),
    },
    "check-the-register": {
        "task": "payments.tasks.check_register",
        "schedule": crontab(hour=3, minute=40),
    },
    "sweep-extras": {
        "task": "licensing.tasks.sweep_extras",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 60},
    },
    "finish-replacements": {
        "task": "licensing.tasks.finish_replacements",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 60},
    },
    "deliver-webhooks": {
        "task": "accounts.tasks.deliver_webhooks",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 10},
    },
    "forget-old-webhooks": {
        "task": "accounts.tasks.sweep_webhooks",
        "schedule": crontab(hour=4, minute=10),
    },
    "forget-old-keys": {
        "task": "accounts.tasks.forget_old_keys",
        "schedule": crontab(minute=10),
    },
    "mail-complainants": {
        "task": "licensing.tasks.mail_complainants",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 60},
    },
    "deliver-files": {
        "task": "payments.tasks.deliver_files",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 10},
    },
    "drain-outbox": {
        "task": "payments.tasks.drain_outbox",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 10},
    },
}


@worker_process_init.connect
def trace(**_: Any) -> None:
    """Start tracing where the tasks run, after the fork."""
    start_tracing("worker")
