"""The settings of production, but for what a rehearsal cannot have: a payment provider and a mail server.

Production itself refuses the test checkout (payments.E001); the check is silenced here and nowhere else.
"""

from marketplace.settings import *  # noqa: F403
from marketplace.settings import VAR_DIR, env

TEST_CHECKOUT = True
SILENCED_SYSTEM_CHECKS = ["payments.E001"]
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = VAR_DIR / "mail"
STATIC_ROOT = env("REHEARSAL_STATIC_ROOT")
