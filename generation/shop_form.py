"""The shop's filters as a visitor fills them in, in plain words with the musical term beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from generation.forms import TONIC_CHOICES
from generation.models import Composition, Instrument
from generation.shop import NEWEST, PAGES_AT_MOST, Wish

Choices = list[tuple[str, str | Promise]]

STATE_CHOICES: Choices = [
    ("", gettext_lazy("on sale")),
    ("available", gettext_lazy("free right now")),
    ("on_hold", gettext_lazy("on hold")),
    ("sold", gettext_lazy("sold")),
    ("retired", gettext_lazy("retired")),
    ("all", gettext_lazy("everything")),
]
TEMPO_CHOICES: Choices = [
    ("", gettext_lazy("any tempo")),
    ("very-slow", gettext_lazy("very slow · largo · below 60")),
    ("slow", gettext_lazy("slow · adagio · 60 to 75")),
    ("walking", gettext_lazy("walking · andante · 76 to 99")),
    ("moderate", gettext_lazy("moderate · moderato · 100 to 119")),
    ("lively", gettext_lazy("lively · allegro · 120 to 155")),
    ("fast", gettext_lazy("fast · vivace, presto · from 156")),
]
LENGTH_CHOICES: Choices = [
    ("", gettext_lazy("any length")),
    ("10", gettext_lazy("bumper · up to 10 s")),
    ("20", gettext_lazy("short advert · 11 to 20 s")),
    ("45", gettext_lazy("advert, trailer · 21 to 45 s")),
    ("75", gettext_lazy("video, long advert · 46 to 75 s")),
    ("longer", gettext_lazy("film scene · longer than 75 s")),
]
SORT_CHOICES: Choices = [
    (NEWEST, gettext_lazy("newest first")),
    ("best", gettext_lazy("best rated first")),
    ("shortest", gettext_lazy("shortest first")),
    ("longest", gettext_lazy("longest first")),
    ("slowest", gettext_lazy("slowest first")),
    ("fastest", gettext_lazy("fastest first")),
    ("price", gettext_lazy("lowest price first")),
]
TEXT_AT_MOST = 80


class Select(forms.Select):
    """A list of choices that is written at once: the stock one renders two templates for each of them."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """Return the element; its choices are not grouped."""
        chosen = "" if value is None else str(value)
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            (
                (key, mark_safe(" selected") if str(key) == chosen else "", label)
                for key, label in self.choices
            ),
        )
        attributes = flatatt(self.build_attrs(self.attrs, {"name": name, **(attrs or {})}))
        return format_html("<select{}>{}</select>", attributes, options)


@dataclass(frozen=True, slots=True)
class ActiveFilter:
    """A filter that is on: what it says, and the query without it."""

    label: str
    without: str


class ShopForm(forms.Form):
    """The shop's filters. A value that means nothing is left out, and said so: an old link still shows pieces."""

    q = forms.CharField(
        label=gettext_lazy("Search"),
        required=False,
        max_length=TEXT_AT_MOST,
        widget=forms.SearchInput(attrs={"autocomplete": "off", "enterkeyhint": "search"}),
        error_messages={
            "max_length": gettext_lazy(
                "Your search has more than %(limit_value)d characters. Use fewer words."
            )
        },
    )
    sort = forms.ChoiceField(widget=Select, label=gettext_lazy("Sort"), required=False, choices=SORT_CHOICES)
    instrument = forms.ChoiceField(widget=Select, label=gettext_lazy("Instrument"), required=False)
    mood = forms.ChoiceField(
        widget=Select,
        label=gettext_lazy("Mood"),
        required=False,
        choices=[("", gettext_lazy("any mood")), *Composition.Mood.choices],
    )
    tempo = forms.ChoiceField(
        widget=Select, label=gettext_lazy("Tempo"), required=False, choices=TEMPO_CHOICES
    )
    length = forms.ChoiceField(
        widget=Select, label=gettext_lazy("Length"), required=False, choices=LENGTH_CHOICES
    )
    tonic = forms.ChoiceField(
        widget=Select,
        label=gettext_lazy("Key"),
        required=False,
        choices=[("", gettext_lazy("any key")), *TONIC_CHOICES],
    )
    mode = forms.ChoiceField(
        widget=Select,
        label=gettext_lazy("Mode"),
        required=False,
        choices=[("", gettext_lazy("any mode")), *Composition.Mode.choices],
    )
    state = forms.ChoiceField(
        widget=Select, label=gettext_lazy("Show"), required=False, choices=STATE_CHOICES
    )

    FILTERS = ("instrument", "mood", "tempo", "length", "tonic", "mode", "state")

    def __init__(self, data: QueryDict, *, instruments: Sequence[Instrument]) -> None:
        super().__init__(data, use_required_attribute=False)
        self.instruments = instruments
        choices = [("", gettext_lazy("every instrument")), *((each.slug, str(each)) for each in instruments)]
        self.fields["instrument"].choices = choices  # type: ignore[attr-defined]

    def wish(self) -> Wish:
        """Return what is looked for, without the values that mean nothing."""
        self.is_valid()
        chosen: dict[str, Any] = {name: self.cleaned_data.get(name) or "" for name in self.FILTERS}
        words = tuple((self.cleaned_data.get("q") or "").split())
        return Wish(words=words, sort=self.cleaned_data.get("sort") or NEWEST, **chosen)

    def page_number(self) -> int | None:
        """Return the page that is asked for, 1 by default; None for what is no page."""
        text = self.data.get("page") or "1"
        is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(PAGES_AT_MOST))
        return int(text) or None if is_number else None

    def problems(self) -> list[str]:
        """Say of each value that means nothing what it is and what to do."""
        self.is_valid()
        said = []
        for name, errors in self.errors.items():
            is_choice = isinstance(self.fields[name], forms.ChoiceField)
            said.append(
                _unknown(self.data.get(name), label=self.fields[name].label) if is_choice else str(errors[0])
            )
        if self.page_number() is None:
            number = _shortened(self.data.get("page"))
            said.append(_("There is no page “%(number)s”. This is the first one.") % {"number": number})
        return said

    def cleared(self) -> ShopForm:
        """Return the form as it is shown: without the values that mean nothing, which ``problems`` names."""
        self.is_valid()
        return ShopForm(QueryDict(self._without("")), instruments=self.instruments)

    def active(self) -> list[ActiveFilter]:
        """List the filters that are on, each with the query that lifts it."""
        self.is_valid()
        found = []
        for name in ("q", *self.FILTERS):
            value = self.cleaned_data.get(name)
            if value:
                found.append(ActiveFilter(self._label_of(name, value), self._without(name)))
        return found

    def compose_query(self) -> str:
        """Give the wishes that a composer understands as well, for a link to order a new piece."""
        self.is_valid()
        query = QueryDict(mutable=True)
        for name in ("instrument", "mood", "tonic", "mode"):
            if self.cleaned_data.get(name):
                query[name] = self.cleaned_data[name]
        return query.urlencode()

    def _label_of(self, name: str, value: str) -> str:
        if name == "q":
            return _("“%(words)s”") % {"words": value}
        label = str(dict(self.fields[name].choices)[value])  # type: ignore[attr-defined]
        if name == "tonic":
            return _("in %(key)s") % {"key": label}
        return label

    def _without(self, name: str) -> str:
        """Give the query of everything that is on but one."""
        query = QueryDict(mutable=True)
        for field in self.fields:
            value = self.cleaned_data.get(field)
            if value and field != name and (field, value) != ("sort", NEWEST):
                query[field] = value
        return query.urlencode()


def _unknown(value: Any, *, label: Any) -> str:
    message = _(
        "“%(value)s” is nothing we know for “%(field)s”, so it was left out. Choose one from the list."
    )
    return message % {"value": _shortened(value), "field": label}


def _shortened(value: Any) -> str:
    return Truncator("".join(c for c in str(value) if c.isprintable())).chars(40)
