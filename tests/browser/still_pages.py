"""Fill a database with every page and state that ``tests.pages.test_every_page`` knows.

Prints, as the last line, where each page is and whose session sees it, in JSON. No worker may run beside it: it would
compose what is shown as waiting.
"""

from __future__ import annotations

import json
import os
import sys

import django


def main() -> None:
    """Write the rows and say where they are to be seen."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    django.setup()
    from django.conf import settings
    from django.test import Client

    from tests.pages.test_every_page import PAGES

    # The test client speaks plain HTTP to this name.
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    pages = []
    for name, visit in PAGES.items():
        client = Client()
        address = visit(client)
        session = client.cookies.get(settings.SESSION_COOKIE_NAME)
        pages.append({"name": name, "address": address, "session": session.value if session else ""})
    sys.stdout.write(f"\n{json.dumps(pages)}\n")


if __name__ == "__main__":
    main()
