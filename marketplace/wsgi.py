"""The web application for gunicorn and every other WSGI server."""

import importlib
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")

application = get_wsgi_application()

# What rings the workers, loaded before the first order waits for it; commands that ring nobody do without.
importlib.import_module("marketplace.celery")
