"""Pages of buying, and the address Stripe reports to."""

from __future__ import annotations

import logging
import uuid

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.services import makers_of
from generation.models import Composition
from generation.pricing import price_label
from generation.services import composition_for_listener
from licensing.models import ExclusiveRight
from payments import gateway, services, withdrawal
from payments.errors import AlreadyHeld, BuyerNotAllowed, PaymentError, UnknownPurchase
from payments.forms import BuyForm
from payments.models import Purchase
from payments.moves import State

log = logging.getLogger(__name__)

LARGEST_EVENT = 512 * 1024


class PersonRequest(HttpRequest):
    """A request behind ``login_required``."""

    user: User


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def buy(request: PersonRequest, composition_id: uuid.UUID) -> HttpResponse:
    """Ask who becomes the owner, hold the piece, and send the buyer to the checkout."""
    composition = composition_for_listener(
        composition_id=composition_id, makers=makers_of(request), user=request.user
    )
    own = _own_live_purchase(request, composition)
    if own is not None and own.state != State.HELD:
        return redirect("purchase", purchase_id=own.pk)
    if request.method != "POST":
        initial = {"licensee": own.licensee if own else request.user.name}
        return _buy_page(request, composition, form=BuyForm(initial=initial), own=own)
    form = BuyForm(request.POST)
    if not form.is_valid():
        return _buy_page(request, composition, form=form, own=own, status=422)
    try:
        purchase = services.start_purchase(
            composition_id=composition.pk,
            buyer=request.user,
            licensee=form.cleaned_data["licensee"],
            consents=BuyForm.DECLARES,
        )
    except BuyerNotAllowed as error:
        messages.error(request, error.message)
        return redirect("account_email")
    except PaymentError as error:
        form.add_error(None, error.message)
        held = isinstance(error, AlreadyHeld)
        return _buy_page(request, composition, form=form, own=None, status=error.status, held_by_other=held)
    if purchase.state != State.HELD:
        return redirect("purchase", purchase_id=purchase.pk)
    return redirect(purchase.checkout_url)


@login_required
@never_cache
@require_safe
def purchase(request: PersonRequest, purchase_id: uuid.UUID) -> HttpResponse:
    """Show the buyer how far a purchase is; the page refreshes itself while something is still to come."""
    own = _own_purchase(request, purchase_id)
    confirming = "confirming" in request.GET and own.state in {State.HELD, State.CLAIMED}
    if confirming:
        own = _settled(own)
    right = ExclusiveRight.objects.prefetch_related("certificates").filter(purchase_id=own.pk).first()
    certificate = right.certificate if right else None
    passed_on = right is not None and right.holder_id != request.user.pk
    files = list(certificate.files.all()) if certificate and not passed_on else []
    files_ready = bool(certificate and certificate.signed_at)
    still_paying = own.state == State.CLAIMED or (own.state == State.HELD and confirming)
    context = {
        "purchase": own,
        "composition": own.composition,
        "price": price_label(own.price_minor, own.currency),
        "right": right,
        "certificate": certificate,
        "passed_on": passed_on,
        "files": files,
        "files_ready": files_ready,
        "declarations": own.declarations.all(),
        "withdrawal_offered": withdrawal.is_offered(own),
        "withdrawal_declared": withdrawal.is_declared(own),
        "waiting": still_paying or (own.state == State.SOLD and not files_ready),
    }
    return render(request, "payments/purchase.html", context)


@login_required
@never_cache
@require_safe
def purchase_return(request: PersonRequest, purchase_id: uuid.UUID) -> HttpResponse:
    """Take the buyer back from the checkout. Whether they paid is asked of Stripe, not of the address they came by."""
    own = _settled(_own_purchase(request, purchase_id))
    answer = redirect("purchase", purchase_id=own.pk)
    if own.state in {State.HELD, State.CLAIMED}:
        answer["Location"] += "?confirming"
    return answer


@login_required
@require_POST
def purchase_cancel(request: PersonRequest, purchase_id: uuid.UUID) -> HttpResponse:
    """Let go of a hold. Whoever paid meanwhile gets the piece instead."""
    own = _own_purchase(request, purchase_id)
    try:
        own = services.cancel_purchase(purchase=own)
    except gateway.GatewayError:
        log.warning("purchase %s: cannot be cancelled now", own.pk, exc_info=True)
        messages.error(
            request, _("The checkout does not answer at the moment. Please try again in a minute.")
        )
        return redirect("purchase", purchase_id=own.pk)
    if own.state == State.CANCELLED:
        messages.info(request, _("Your hold was cancelled. Nothing was charged."))
        return redirect("composition", composition_id=own.composition_id)
    return redirect("purchase", purchase_id=own.pk)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def purchase_withdraw(request: PersonRequest, purchase_id: uuid.UUID) -> HttpResponse:
    """Let a buyer withdraw from the contract, or say why the right of withdrawal has ended."""
    own = _own_purchase(request, purchase_id)
    status = 200
    if request.method == "POST":
        try:
            own = services.withdraw(purchase=own)
        except PaymentError as error:
            status = error.status
            messages.error(request, error.message)
        else:
            messages.success(request, _("Your withdrawal has arrived. We confirmed it by e-mail."))
            return redirect("purchase", purchase_id=own.pk)
    context = {
        "purchase": own,
        "composition": own.composition,
        "declarations": own.declarations.all(),
        "is_delivered": withdrawal.is_delivered(own),
        "is_declared": withdrawal.is_declared(own),
        "can_withdraw": own.state == State.SOLD,
    }
    return render(request, "payments/withdraw.html", context, status=status)


@csrf_exempt
@transaction.non_atomic_requests
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Take one event. 200: done or not ours; 400: not from Stripe; 413: too large; 500, 503: please send it again."""
    length = request.headers.get("Content-Length", "")
    if not length.isdigit():
        return _answer(400)
    if int(length) > LARGEST_EVENT:
        return _answer(413)
    payload = request.body
    signature = request.headers.get("Stripe-Signature", "")
    if not signature or not payload:
        return _answer(400)
    try:
        services.handle_event(payload=payload, signature=signature)
    except gateway.SignatureInvalid:
        return _answer(400)
    except (OperationalError, gateway.GatewayError):
        log.warning("webhook: not now", exc_info=True)
        return _answer(503)
    except UnknownPurchase as error:
        log.warning("webhook: %s", error)
        return _answer(500)
    except Exception:
        # Stripe must see a failure and send the event again, whatever went wrong here.
        log.exception("webhook: failed")
        return _answer(500)
    return _answer(200)


def _answer(status: int) -> HttpResponse:
    return HttpResponse(status=status, content_type="text/plain")


def _own_purchase(request: PersonRequest, purchase_id: uuid.UUID) -> Purchase:
    """Return a purchase to its buyer; to anybody else it does not exist."""
    rows = Purchase.objects.select_related("composition__instrument")
    return get_object_or_404(rows, pk=purchase_id, buyer=request.user)


def _own_live_purchase(request: PersonRequest, composition: Composition) -> Purchase | None:
    rows = Purchase.objects.exclude(state__in=Purchase.OVER)
    return rows.filter(composition=composition, buyer=request.user).first()


def _settled(own: Purchase) -> Purchase:
    try:
        services.settle(purchase_id=own.pk)
    except (gateway.GatewayError, OperationalError):
        # The page says "confirming" and refreshes itself; webhook and sweeper go on trying.
        log.warning("purchase %s cannot be settled now", own.pk, exc_info=True)
    own.refresh_from_db()
    return own


def _buy_page(
    request: HttpRequest,
    composition: Composition,
    *,
    form: BuyForm,
    own: Purchase | None,
    status: int = 200,
    held_by_other: bool = False,
) -> HttpResponse:
    on_hold = composition.sale_state == Composition.SaleState.ON_HOLD
    context = {
        "composition": composition,
        "form": form,
        "price": price_label(composition.price_minor, composition.currency),
        "purchase": own,
        "held_by_other": held_by_other or (on_hold and own is None),
        "hold_minutes": int(settings.HOLD_FOR.total_seconds() // 60),
    }
    return render(request, "payments/buy.html", context, status=status)
