"""The e-mail that says that an endpoint was disabled."""

from __future__ import annotations

import logging

from django.core.mail import send_mail
from django.template.loader import render_to_string

from accounts.webhooks.models import WebhookEndpoint

log = logging.getLogger(__name__)


def write_to_contacts() -> int:
    """Write to whom an endpoint's partner named, and return how often; it is tried until the mail is out."""
    written = 0
    for endpoint in WebhookEndpoint.objects.filter(contact_due=True, is_active=False, deleted_at=None)[:20]:
        try:
            _write(endpoint)
        except OSError:
            log.exception("endpoint %s: its contact must be written to again", endpoint.pk)
            continue
        written += WebhookEndpoint.objects.filter(pk=endpoint.pk, contact_due=True).update(contact_due=False)
    return written


def _write(endpoint: WebhookEndpoint) -> None:
    if not endpoint.contact_email:
        log.error("endpoint %s was disabled, and its partner named nobody to write to", endpoint.pk)
        return
    context = {"endpoint": endpoint, "is_gone": endpoint.disabled_because == WebhookEndpoint.Disabled.GONE}
    subject = render_to_string("accounts/email/webhook_disabled_subject.txt", context)
    body = render_to_string("accounts/email/webhook_disabled.txt", context)
    send_mail(" ".join(subject.split()), body, None, [endpoint.contact_email])
