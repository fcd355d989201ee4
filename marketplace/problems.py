"""Errors of the API as problem details (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from accounts.api import PROBLEM_TYPE as CONTENT_TYPE
from generation.errors import GenerationError, InvalidOrder
from licensing.errors import LicensingError
from payments.errors import PaymentError

Refusal = GenerationError | LicensingError | PaymentError
API = "/api/"


def problem(*, status: int, code: str, detail: str, errors: dict[str, Any] | None = None) -> Response:
    """Build one problem document; ``errors`` names the fields at fault."""
    body = _body(status=status, code=code, detail=detail)
    if errors:
        body["errors"] = errors
    return Response(body, status=status, content_type=CONTENT_TYPE)


def _body(*, status: int, code: str, detail: str) -> dict[str, Any]:
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer what Django cannot take, such as a host that is not ours: a problem in the API, a page elsewhere."""
    if request.path.startswith(API):
        return _plain(status=400, code="bad_request", detail=_("The request cannot be understood."))
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a refusal outside REST framework, such as a link whose right has ended."""
    if request.path.startswith(API):
        return _plain(
            status=403, code="permission_denied", detail=str(exception) or _("You may not do this.")
        )
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer for what is not there outside REST framework, such as a link that is over."""
    if request.path.startswith(API):
        return _plain(status=404, code="not_found", detail=_("There is nothing at this address."))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer what went wrong on our side: a problem in the API, a page elsewhere."""
    if request.path.startswith(API):
        return _plain(
            status=500, code="server_error", detail=_("Something went wrong here. It has been written down.")
        )
    return defaults.server_error(request)


def _plain(*, status: int, code: str, detail: str) -> HttpResponse:
    return JsonResponse(
        _body(status=status, code=code, detail=detail), status=status, content_type=CONTENT_TYPE
    )


def problem_details(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Turn every exception that REST framework or our services know into a problem document, keeping its headers."""
    if isinstance(exc, Refusal):
        set_rollback()
        return _refusal(exc)
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    answer = exception_handler(exc, context)
    if answer is None or not isinstance(exc, exceptions.APIException):
        return answer
    kept = ("WWW-Authenticate", "Retry-After", "Allow")
    headers = {name: answer[name] for name in kept if name in answer}
    if isinstance(exc, exceptions.ValidationError):
        detail = _("Some values cannot be accepted; see errors.")
        result = problem(status=422, code="invalid", detail=detail, errors=_as_mapping(exc.detail))
    else:
        result = problem(
            status=answer.status_code,
            code=str(getattr(exc.detail, "code", exc.default_code)),
            detail=str(exc.detail),
        )
    for name, value in headers.items():
        result[name] = value
    return result


def _refusal(error: Refusal) -> Response:
    problems = (
        {field: [text] for field, text in error.problems.items()} if isinstance(error, InvalidOrder) else None
    )
    detail = _("Some values cannot be accepted; see errors.") if problems else error.message
    answer = problem(status=error.status, code=error.code, detail=detail, errors=problems)
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        answer["Retry-After"] = str(retry_after)
    return answer


def _as_mapping(detail: Any) -> dict[str, Any]:
    return detail if isinstance(detail, dict) else {"request": detail}
