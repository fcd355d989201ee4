"""How every e-mail with a plain and an HTML part is sent."""

from __future__ import annotations

from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string


def send_mail(
    to: str,
    *,
    subject: str,
    template: str,
    context: dict[str, Any],
    attachments: tuple[tuple[str, str, str], ...] = (),
) -> None:
    """Send a plain and an HTML part, rendered from ``template`` + ``.txt`` and ``.html``.

    ``attachments`` are names, contents and content types.
    """
    mail = EmailMultiAlternatives(
        subject=" ".join(subject.split()), body=render_to_string(f"{template}.txt", context), to=[to]
    )
    mail.attach_alternative(render_to_string(f"{template}.html", context), "text/html")
    for attachment in attachments:
        mail.attach(*attachment)
    mail.send()
