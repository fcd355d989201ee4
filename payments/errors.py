"""Why a purchase is refused, each with a code for programs, a message for people and the HTTP status that fits."""

from __future__ import annotations

from django.utils.translation import gettext as _


class PaymentError(Exception):
    """Any refusal of the payment services."""

    code = "payment_error"
    status = 400

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class NotForSale(PaymentError):
    """The piece is not finished, not listed for this buyer, or retired."""

    code = "not_for_sale"
    status = 409

    def __init__(self) -> None:
        super().__init__(_("This piece is not for sale."))


class AlreadyHeld(PaymentError):
    """Somebody else is at the checkout with this piece."""

    code = "already_held"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            _("Somebody else is buying this piece right now. If they do not pay, it is free again soon.")
        )


class AlreadySold(PaymentError):
    """The piece has found its one owner."""

    code = "already_sold"
    status = 409

    def __init__(self) -> None:
        super().__init__(_("This piece has been sold. It belongs to one person for ever."))


class TooManyHolds(PaymentError):
    """The buyer has as many pieces on hold as one buyer may."""

    code = "too_many_holds"
    status = 429

    def __init__(self, count: int) -> None:
        super().__init__(
            _("You have %(count)s pieces on hold. Finish or cancel one first.") % {"count": count}
        )


class BuyerNotAllowed(PaymentError):
    """Only an account with a verified e-mail address can buy."""

    code = "email_not_verified"
    status = 403

    def __init__(self) -> None:
        super().__init__(_("Please confirm your e-mail address before you buy."))


class PaymentUnavailable(PaymentError):
    """The checkout cannot be opened at the moment; nothing was charged."""

    code = "payment_unavailable"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            _("The checkout cannot be opened at the moment. Nothing was charged; please try again soon.")
        )


class HoldLost(PaymentError):
    """The hold ended while its checkout was being opened."""

    code = "hold_lost"
    status = 409

    def __init__(self) -> None:
        super().__init__(_("Your hold on this piece has ended. Nothing was charged; please start again."))


class AlreadyRefunded(PaymentError):
    """The money has gone back already."""

    code = "already_refunded"
    status = 409

    def __init__(self) -> None:
        super().__init__(_("This purchase has been refunded already."))


class RefundRefused(PaymentError):
    """A purchase in this state cannot be refunded."""

    code = "refund_refused"
    status = 409


class AlreadyRevoked(PaymentError):
    """The right has ended already."""

    code = "already_revoked"
    status = 409

    def __init__(self) -> None:
        super().__init__(_("The right of this purchase has been revoked already."))


class RevokeRefused(PaymentError):
    """A purchase in this state has no right that could be revoked."""

    code = "revoke_refused"
    status = 409

    def __init__(self, state: str) -> None:
        super().__init__(
            _("Only the right of a sold piece can be revoked; this purchase is %(state)s.") % {"state": state}
        )


class WithdrawalRefused(PaymentError):
    """There is nothing to withdraw from, or the right of withdrawal has ended."""

    code = "withdrawal_refused"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            _("The right of withdrawal has ended, because the files were handed over, or nothing was sold.")
        )


class PieceNotWithdrawn(PaymentError):
    """A purchase in this state is no hold, so its piece cannot leave the shop by it."""

    code = "piece_not_withdrawn"
    status = 409

    def __init__(self, state: str) -> None:
        super().__init__(
            _("Only a piece that is on hold can be withdrawn by its purchase; this one is %(state)s.")
            % {"state": state}
        )


class NotCancellable(PaymentError):
    """The purchase is over or paid."""

    code = "not_cancellable"
    status = 409

    def __init__(self, state: str) -> None:
        super().__init__(
            _("Only a piece on hold can be let go; this purchase is %(state)s.") % {"state": state}
        )


class InvoiceNotAllowed(PaymentError):
    """This partner has to pay at the checkout."""

    code = "invoice_not_allowed"
    status = 403

    def __init__(self) -> None:
        super().__init__(_("You are not approved for buying on invoice. Ask us, or use the checkout."))


class CreditExceeded(PaymentError):
    """With this piece a partner's unpaid invoices would pass the limit."""

    code = "credit_exceeded"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            _("Your unpaid invoices would pass your credit limit. Pay some of them, or use the checkout.")
        )


class InvoiceClosed(PaymentError):
    """The invoice is paid or void already."""

    code = "invoice_closed"
    status = 409

    def __init__(self, number: str) -> None:
        super().__init__(_("Invoice %(number)s is not open any more.") % {"number": number})


class SandboxOnly(PaymentError):
    """Only test money moves at a partner's word."""

    code = "sandbox_only"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            _("Only a purchase of the sandbox can be paid like this; real ones at the checkout.")
        )


class CheckoutOver(PaymentError):
    """The sandbox's checkout of this purchase is closed."""

    code = "checkout_closed"
    status = 409

    def __init__(self) -> None:
        super().__init__(_("The checkout of this purchase is closed."))


class UnknownPurchase(PaymentError):
    """An event is about a purchase of ours that we do not know (yet): Stripe should send it again."""

    code = "unknown_purchase"
    status = 500
