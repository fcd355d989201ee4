"""What a buyer fills in."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from licensing.forms import LicenseeField


class BuyForm(forms.Form):
    """Who becomes the owner, and the two consents that European law asks for before digital goods are delivered."""

    licensee = LicenseeField(autocomplete="name")
    consent_immediate = forms.BooleanField(
        label=_("I want the files at once, before the withdrawal period of 14 days ends."),
        error_messages={"required": _("Without this we may not hand the files over.")},
    )
    consent_withdrawal = forms.BooleanField(
        label=_("I know that I lose my right of withdrawal when the files are handed over."),
        error_messages={"required": _("Without this we may not hand the files over.")},
    )
