"""What an owner and staff fill in to have a certificate replaced."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from licensing.models import Complaint


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


class ComplaintForm(forms.Form):
    """What is wrong, with which piece or certificate, and whom to answer."""

    about = forms.ChoiceField(label=_("What is it about?"), choices=Complaint.About.choices)
    named = forms.CharField(
        label=_("Piece or certificate"),
        max_length=200,
        required=False,
        help_text=_("The address of its page, or the Copyright ID, if you have one."),
    )
    text = forms.CharField(
        label=_("What is wrong?"),
        min_length=20,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_("If a work of yours is concerned: which one it is, and where it can be heard."),
    )
    name = forms.CharField(
        label=_("Your name"),
        max_length=160,
        min_length=2,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label=_("Your e-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
