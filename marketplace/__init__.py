"""The Django project: settings, addresses, the Celery application and the pages of the house itself."""

from marketplace.celery import app as celery_app

__all__ = ["celery_app"]
