"""What a buyer fills in."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from licensing.forms import LicenseeField
from payments.consents import WORDING, Kind


class BuyForm(forms.Form):
    """Who becomes the owner, and the two consents that European law asks for before digital goods are delivered."""

    DECLARES = (Kind.IMMEDIATE_DELIVERY, Kind.WITHDRAWAL_LOST)
    """What a form that is valid has declared."""

    licensee = LicenseeField(autocomplete="name")
    consent_immediate = forms.BooleanField(
        label=WORDING[Kind.IMMEDIATE_DELIVERY],
        error_messages={"required": _("Without this we may not hand the files over.")},
    )
    consent_withdrawal = forms.BooleanField(
        label=WORDING[Kind.WITHDRAWAL_LOST],
        error_messages={"required": _("Without this we may not hand the files over.")},
    )
