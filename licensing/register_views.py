"""The public register: a page that explains it, its signed head, its entries, and the keys that sign."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from licensing import keys, register

LAST_ENTRIES = 10


@never_cache
@require_safe
def register_page(request: HttpRequest) -> HttpResponse:
    """Explain the register, and show its head, its last entries and the public keys."""
    head = register.head()
    last = list(register.entries(after=max(0, head.number - LAST_ENTRIES), at_most=LAST_ENTRIES))
    signing = set(keys.signing_now().values())
    context = {
        "head": head,
        "last": last[::-1],
        "keys": [
            {"id": key_id, "value": value, "signs": key_id in signing}
            for key_id, value in sorted(keys.public_keys().items())
        ],
        "at_once": register.AT_ONCE,
    }
    return render(request, "licensing/register.html", context)


@never_cache
@require_safe
def register_head(request: HttpRequest) -> HttpResponse:
    """Publish the signed head: whoever keeps it can prove later that nothing before it was changed."""
    return HttpResponse(register.signed_head(), content_type="application/json")


@never_cache
@require_safe
def register_entries(request: HttpRequest) -> HttpResponse:
    """Give the entries after ``?after=NUMBER`` as JSON lines; where there are more, a Link header says what is next."""
    wanted = request.GET.get("after", "0")
    if not (wanted.isascii() and wanted.isdigit()) or len(wanted) > 18:
        text = f"after={wanted[:40]!r} is not the number of an entry; give a whole number, or leave it out.\n"
        return HttpResponse(text, status=400, content_type="text/plain; charset=utf-8")
    found = list(register.entries(after=int(wanted), at_most=register.AT_ONCE))
    lines = "".join(f"{entry.line()}\n" for entry in found)
    answer = HttpResponse(lines, content_type="application/jsonl; charset=utf-8")
    if len(found) == register.AT_ONCE:
        following = f"{reverse('register_entries')}?after={found[-1].number}"
        answer["Link"] = f'<{request.build_absolute_uri(following)}>; rel="next"'
    return answer


@require_safe
def signing_keys(request: HttpRequest) -> JsonResponse:
    """Publish the public keys that certificates are checked with, and which of them sign now.

    Those whose id begins with "test" prove nothing; those that do not sign any more still verify.
    """
    return JsonResponse({"algorithm": "Ed25519", "keys": keys.public_keys(), "signing": keys.signing_now()})
