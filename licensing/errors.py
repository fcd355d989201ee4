"""What can go wrong with a right, each with a code for programs and a message for people."""

from __future__ import annotations

from django.utils.translation import gettext as _


class LicensingError(Exception):
    """Any refusal of the licensing services; ``status`` is the HTTP status that fits it."""

    code = "licensing_error"
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class AlreadyGranted(LicensingError):
    """The exclusive right in this piece is somebody else's."""

    code = "already_granted"
    status = 409

    def __init__(self) -> None:
        super().__init__(_("The exclusive right in this piece has been granted already."))


class AlreadyReplaced(LicensingError):
    """Another certificate has taken the place of this one."""

    code = "already_replaced"
    status = 409

    def __init__(self) -> None:
        super().__init__(_("Another certificate has taken the place of this one already."))


class NotReplaceable(LicensingError):
    """A certificate can be replaced only while its right is in force and once its files were delivered."""

    code = "not_replaceable"
    status = 409


class SigningKeyMissing(LicensingError):
    """There is no key to sign a certificate with; ``manage.py make_signing_key`` makes one."""

    code = "signing_key_missing"
    status = 503


class DeliveryFailed(LicensingError):
    """The files of a right could not be built; trying again later may help."""

    code = "delivery_failed"
    status = 503


class NoSuchExtra(LicensingError):
    """This piece has no such cut: it is too short, or nobody has heard of the kind."""

    code = "no_such_extra"
    status = 404

    def __init__(self, kind: str) -> None:
        super().__init__(_("“%(kind)s” cannot be made of this piece.") % {"kind": kind})
