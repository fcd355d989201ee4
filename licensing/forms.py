"""What an owner and staff fill in to have a certificate replaced."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class LicenseeField(forms.CharField):
    """The name of a person or company that can be printed on a certificate."""

    def __init__(self, *, autocomplete: str = "off") -> None:
        super().__init__(
            label=_("Owner"),
            max_length=160,
            min_length=2,
            help_text=_("The person or company named on the certificate."),
            widget=forms.TextInput(attrs={"autocomplete": autocomplete}),
        )

    def clean(self, value: object) -> str:
        """Refuse what cannot be printed."""
        name = " ".join(str(super().clean(value)).split())
        if not name.isprintable() or not any(character.isalnum() for character in name):
            raise forms.ValidationError(_("Please enter a name."))
        return name


class TransferForm(forms.Form):
    """Who the new owner is, and that the old one means it."""

    licensee = LicenseeField()
    email = forms.EmailField(
        label=_("E-mail address of their account here"),
        required=False,
        help_text=_(
            "If there is an account with this address, the files move to it and leave yours. Otherwise you keep them, "
            "on behalf of the new owner."
        ),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    confirmed = forms.BooleanField(
        label=_("I transfer the exclusive right. I know that this cannot be undone here."),
        error_messages={"required": _("Please confirm that you mean it.")},
    )


class SupersedeForm(forms.Form):
    """The right name, and why the old one was wrong."""

    licensee = LicenseeField()
    reason = forms.CharField(label=_("Reason"), max_length=160, min_length=5)
