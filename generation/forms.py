"""What a visitor fills in: the order of a piece, and the shop's filters."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.functional import lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from generation import orders
from generation.composer.score import TONICS
from generation.models import Composition, Instrument, Rating
from generation.orders import OrderFields, tonic_label
from generation.selectors import offered_instruments
from generation.versions import KINDS, Version

LENGTHS = (6, 15, 30, 60, 90)
"""Lengths the page offers; any other from 5 to 180 seconds may be typed."""

ANY = ("", _("surprise me"))
TONIC_CHOICES = [(tonic, lazy(tonic_label, str)(tonic)) for tonic in TONICS]


WHOLE_NUMBER = _("a whole number")


def _range_messages(what: Any, low: object, high: object, *, kind: Any = WHOLE_NUMBER) -> dict[str, Any]:
    message = format_lazy(
        _("{what} must be {kind} from {low} to {high}."), what=what, kind=kind, low=low, high=high
    )
    return dict.fromkeys(("invalid", "min_value", "max_value", "max_digits", "max_decimal_places"), message)


def _choice_messages(what: Any) -> dict[str, Any]:
    return {
        "invalid_choice": format_lazy(
            _("“%(value)s” is not {what} we know. Choose one from the list."), what=what
        )
    }


class ComposeForm(forms.Form):
    """An order. Everything may be left alone: the defaults give a piece with one click."""

    instrument = forms.ModelChoiceField(
        label=_("Instrument"),
        queryset=Instrument.objects.none(),
        required=False,
        empty_label=None,
        error_messages=_choice_messages(_("an instrument")),
    )
    seconds = forms.IntegerField(
        label=_("Length in seconds"),
        required=False,
        min_value=orders.SECONDS_MIN,
        max_value=orders.SECONDS_MAX,
        initial=orders.DEFAULT_SECONDS,
        error_messages=_range_messages(_("The length in seconds"), orders.SECONDS_MIN, orders.SECONDS_MAX),
    )
    mood = forms.ChoiceField(
        label=_("Mood"),
        required=False,
        choices=[ANY, *Composition.Mood.choices],
        error_messages=_choice_messages(_("a mood")),
    )
    tonic = forms.ChoiceField(
        label=_("Key"),
        required=False,
        choices=[ANY, *TONIC_CHOICES],
        error_messages=_choice_messages(_("a key")),
    )
    mode = forms.ChoiceField(
        label=_("Mode"),
        required=False,
        choices=[ANY, *Composition.Mode.choices],
        error_messages=_choice_messages(_("a mode")),
    )
    bpm = forms.IntegerField(
        label=_("Tempo"),
        help_text=_("Quarter notes a minute."),
        required=False,
        min_value=orders.BPM_MIN,
        max_value=orders.BPM_MAX,
        error_messages=_range_messages(_("The tempo"), orders.BPM_MIN, orders.BPM_MAX),
    )
    density = forms.ChoiceField(
        label=_("Busyness"),
        required=False,
        choices=[ANY, *Composition.Density.choices],
        error_messages=_choice_messages(_("a busyness")),
    )
    register = forms.ChoiceField(
        label=_("Register"),
        help_text=_("Whether the notes lie low, in the middle or high on the instrument."),
        required=False,
        choices=[ANY, *Composition.Register.choices],
        error_messages=_choice_messages(_("a register")),
    )
    seed = forms.IntegerField(
        label=_("Seed"),
        help_text=_("The same seed with the same wishes gives the same notes. Empty: one is drawn."),
        required=False,
        min_value=0,
        max_value=orders.SEED_MAX,
        error_messages=_range_messages(_("The seed"), 0, orders.SEED_MAX),
    )
    temperature = forms.DecimalField(
        label=_("Temperature"),
        help_text=_("Lower keeps to the beaten track, higher dares more."),
        required=False,
        min_value=orders.TEMPERATURE_MIN,
        max_value=orders.TEMPERATURE_MAX,
        max_digits=3,
        decimal_places=2,
        initial=orders.DEFAULT_TEMPERATURE,
        error_messages=_range_messages(
            _("The temperature"),
            orders.TEMPERATURE_MIN,
            orders.TEMPERATURE_MAX,
            kind=_("a number with at most two decimals"),
        ),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["instrument"]
        field.queryset = offered_instruments()  # type: ignore[attr-defined]
        field.initial = field.queryset.first()  # type: ignore[attr-defined]

    def order(self) -> OrderFields:
        """Return the order of a valid form, with defaults for what was left empty."""
        values = self.cleaned_data
        instrument = values["instrument"] or self.fields["instrument"].initial
        return OrderFields(
            instrument=instrument.slug if instrument else "",
            seconds=values["seconds"] or orders.DEFAULT_SECONDS,
            seed=values["seed"],
            mood=values["mood"],
            tonic=values["tonic"],
            mode=values["mode"],
            bpm=values["bpm"],
            density=values["density"],
            register=values["register"],
            temperature=values["temperature"] or orders.DEFAULT_TEMPERATURE,
        )


class ReadyMailForm(forms.Form):
    """A guest's address, for one mail."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"required": _("Give the address we should write to.")},
    )


class VersionForm(forms.Form):
    """What is to be made from a piece; whether it can be is for the service to say."""

    kind = forms.ChoiceField(choices=[(kind, kind) for kind in KINDS])
    from_bar = forms.IntegerField(required=False)
    seconds = forms.IntegerField(required=False)

    def version(self) -> Version:
        """Return what a valid form asks for."""
        return Version(**self.cleaned_data)


class RatingForm(forms.Form):
    """What a listener thinks of a piece."""

    stars = forms.TypedChoiceField(
        label=_("How does it sound?"), choices=Rating.Stars.choices, coerce=int, widget=forms.RadioSelect
    )
