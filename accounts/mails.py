"""How every e-mail with a plain and an HTML part is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation


def send_mail(
    to: str,
    *,
    language: str,
    template: str,
    context: Callable[[], dict[str, Any]],
    attachments: tuple[tuple[str, str, str], ...] = (),
) -> None:
    """Send what ``template`` + ``_subject.txt``, ``.txt`` and ``.html`` make of a context, all in one language.

    ``context`` is called in that language, whatever the process speaks otherwise. ``attachments`` are names, contents
    and content types.
    """
    with translation.override(language):
        facts = {"site_name": settings.SITE_NAME, **context()}
        subject, text, html = (
            render_to_string(f"{template}{part}", facts) for part in ("_subject.txt", ".txt", ".html")
        )
    mail = EmailMultiAlternatives(subject=" ".join(subject.split()), body=text, to=[to])
    mail.attach_alternative(html, "text/html")
    for attachment in attachments:
        mail.attach(*attachment)
    mail.send()
