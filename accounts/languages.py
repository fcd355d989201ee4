"""Which language a person is spoken to in: on the pages by their browser, in e-mails by what they chose here."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language

from accounts.models import User


def language_of(user: User) -> str:
    """Return the language we write to somebody in, whichever process writes."""
    known = dict(settings.LANGUAGES)
    return user.language if user.language in known else settings.LANGUAGE_CODE


def language_here() -> str:
    """Return the language of the request at hand, or the site's own outside of one."""
    return get_language() or settings.LANGUAGE_CODE


def remember_language(*, user: User, language: str) -> None:
    """Keep the language somebody has chosen. Raises ``ValueError`` for one the site does not speak."""
    if language not in dict(settings.LANGUAGES):
        raise ValueError(f"The site does not speak {language!r}.")
    User.objects.filter(pk=user.pk).update(language=language)
    user.language = language


def bring_language(request: HttpRequest, answer: HttpResponse, *, user: User) -> None:
    """Let the pages of a browser that has chosen none speak as the account does, from the log-in on.

    An account from before languages were remembered takes that of the request.
    """
    if not user.language:
        remember_language(user=user, language=language_here())
    elif settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
        set_language_cookie(answer, language=user.language)


def set_language_cookie(answer: HttpResponse, *, language: str) -> None:
    """Set the cookie by which Django's ``set_language`` keeps a browser's choice."""
    answer.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path=settings.LANGUAGE_COOKIE_PATH,
        domain=settings.LANGUAGE_COOKIE_DOMAIN,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,
    )
