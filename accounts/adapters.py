"""Where allauth meets this house."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation

from accounts.languages import bring_language, language_here
from accounts.models import User
from accounts.services import claim_session_works


class AccountAdapter(DefaultAccountAdapter):
    """Takes a guest's works and language into the account; writes in the reader's language, by the shop's name."""

    def new_user(self, request: HttpRequest) -> User:
        user: User = super().new_user(request)
        user.language = language_here()
        return user

    def post_login(self, request: HttpRequest, user: User, **arguments: Any) -> HttpResponse:
        claim_session_works(request, user=user)
        with translation.override(user.language or language_here()):
            answer: HttpResponse = super().post_login(request, user, **arguments)
        bring_language(request, answer, user=user)
        return answer

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        # allauth would sign with the host of the request, which is whatever the visitor's browser sent.
        site = SimpleNamespace(name=settings.SITE_NAME, domain=urlsplit(settings.SITE_URL).netloc)
        # A code may be asked for in one language by somebody who reads another.
        found = context.get("user") or User.objects.filter(email__iexact=email).first()
        with translation.override((found and found.language) or language_here()):
            super().send_mail(template_prefix, email, {**context, "current_site": site})

    def render_mail(
        self, template_prefix: str, email: str, context: dict[str, Any], headers: Any = None
    ) -> EmailMultiAlternatives:
        """Give a mail that has only a plain part an HTML part with the same words, as all our mails have one."""
        mail: EmailMultiAlternatives = super().render_mail(template_prefix, email, context, headers)
        if not mail.alternatives:
            facts = {"subject": mail.subject, "text": mail.body, "site_name": settings.SITE_NAME}
            mail.attach_alternative(render_to_string("accounts/email/message.html", facts), "text/html")
        return mail
