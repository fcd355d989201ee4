"""Links by which a partner, or the partner's client, fetches a file without a token: signed, and over soon.

The link carries no right: when it is followed everything is asked again, so that it is dead as soon as the right is.
"""

from __future__ import annotations

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import User
from licensing import downloads

LINK_LIVES_SECONDS = 15 * 60

_SALT = "licensing.partner-link"


def link_of(request: HttpRequest, *, holder: User, copyright_id: str, name: str) -> str:
    """Return the full address under which one of the holder's files can be fetched for a while."""
    token = signing.dumps([holder.pk, copyright_id, name], salt=_SALT)
    return request.build_absolute_uri(reverse("api_file", args=[token, name]))


@never_cache
@require_safe
def file(request: HttpRequest, token: str, name: str) -> HttpResponseBase:
    """Send the file a link is for; a link that is over, or was altered, leads to nothing."""
    try:
        holder, copyright_id, signed_name = signing.loads(token, salt=_SALT, max_age=LINK_LIVES_SECONDS)
    except (signing.BadSignature, ValueError) as error:
        raise Http404 from error
    if name != signed_name:
        raise Http404
    owner = User.objects.filter(pk=holder, partner__isnull=False).first()
    if owner is None:
        raise Http404
    found = downloads.file_for_owner(user=owner, copyright_id=copyright_id, name=name)
    return downloads.send(request, file=found)
