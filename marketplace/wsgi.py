"""The web application for gunicorn and every other WSGI server."""

import importlib
import os

from django.core.wsgi import get_wsgi_application

from marketplace.tracing import start_tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")

start_tracing("web")
application = get_wsgi_application()

# What rings the workers, loaded before the first order waits for it; commands that ring nobody do without.
importlib.import_module("marketplace.celery")
