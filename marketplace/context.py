"""What every page may ask for."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """Give the site's name and what is only there in development."""
    return {
        "site_name": settings.SITE_NAME,
        "test_checkout": settings.TEST_CHECKOUT,
        "development_mailbox": settings.DEVELOPMENT_MAILBOX,
    }
