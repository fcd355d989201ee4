"""What a buyer fills in."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from payments.consents import WORDING, Kind


class BuyForm(forms.Form):
    """Who becomes the owner, and the two consents that European law asks for before digital goods are delivered."""

    licensee = forms.CharField(
        label=_("Owner"),
        max_length=160,
        min_length=2,
        help_text=_("The person or company named on the certificate."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    consent_immediate = forms.BooleanField(
        label=WORDING[Kind.IMMEDIATE_DELIVERY],
        error_messages={"required": _("Without this we may not hand the files over.")},
    )
    consent_withdrawal = forms.BooleanField(
        label=WORDING[Kind.WITHDRAWAL_LOST],
        error_messages={"required": _("Without this we may not hand the files over.")},
    )

    def clean_licensee(self) -> str:
        """Refuse what cannot be printed on a certificate."""
        name = " ".join(str(self.cleaned_data["licensee"]).split())
        if not name.isprintable() or not any(character.isalnum() for character in name):
            raise forms.ValidationError(_("Please enter a name."))
        return name
