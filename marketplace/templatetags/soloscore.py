"""How the pages show money, lengths, keys and drawings of a piece."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.conf import settings
from django.contrib.staticfiles import finders
from django.forms import BoundField
from django.forms.widgets import CheckboxInput, Select, Textarea
from django.templatetags.static import static
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from generation import versions
from generation.drawings import roll_end, waveform_path
from generation.forms import LENGTHS
from generation.models import Composition
from generation.orders import tonic_label
from generation.pricing import price_label
from generation.titles import key_label, title_of

register = template.Library()

Text = str | Promise

DRAWN_INSTRUMENTS = {
    "piano", "guitar", "harpsichord", "organ", "violin", "viola", "cello", "flute", "harp", "vibraphone", "marimba",
}  # fmt: skip

TEMPO_TERMS = (
    (60, "largo"),
    (76, "adagio"),
    (100, "andante"),
    (120, "moderato"),
    (156, "allegro"),
    (176, "vivace"),
)
FASTEST_TERM = "presto"

MOOD_TERMS = {
    "calm": "tranquillo", "happy": "gioioso", "sad": "mesto", "tense": "agitato", "playful": "scherzando",
    "solemn": "maestoso",
}  # fmt: skip
DENSITY_TERMS = {"sparse": "semplice", "medium": "scorrevole", "busy": "fiorito"}
REGISTER_TERMS = {"low": "grave", "middle": "medio", "high": "acuto"}
MODE_WORDS: dict[str, Text] = {"major": gettext_lazy("brighter"), "minor": gettext_lazy("darker")}
TEMPI: tuple[tuple[int, Text], ...] = (
    (54, gettext_lazy("Very slow")),
    (70, gettext_lazy("Slow")),
    (88, gettext_lazy("Walking")),
    (108, gettext_lazy("Moderate")),
    (132, gettext_lazy("Lively")),
    (168, gettext_lazy("Fast")),
)
LENGTH_USES: dict[str, Text] = {
    "6": gettext_lazy("bumper"),
    "15": gettext_lazy("short advert"),
    "30": gettext_lazy("advert, trailer"),
    "60": gettext_lazy("video, long advert"),
    "90": gettext_lazy("film scene, intro"),
}


@register.filter
def money(minor: int, currency: str) -> str:
    """Show cents as people write them: ``4900, "eur"`` is €49.00."""
    return price_label(int(minor), currency)


@register.filter
def clock(seconds: float | str | None) -> str:
    """Show a length as minutes and seconds: 75.2 is 1:15."""
    if seconds in (None, ""):
        return ""
    whole = round(float(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


@register.filter
def tonic(name: str) -> str:
    """Show a key's name with proper signs, and as the language calls it: ``F#`` is F♯, ``B-`` is B♭."""
    return tonic_label(name)


@register.filter
def key_of(piece: Composition) -> str:
    """Name the key of a finished piece: A minor."""
    return key_label(piece.tonic, piece.mode)


@register.filter
def piece_name(piece: Composition) -> str:
    """Give the title, or what the piece is: Piano in A minor."""
    return title_of(piece)


@register.filter
def version_label(piece: Composition) -> str:
    """Say what a piece is within its family: a take of the order, or how it was made from another."""
    return versions.version_label(piece) or _("Take %(number)s") % {"number": piece.variant + 1}


@register.filter
def has_versions(family: Sequence[Composition]) -> bool:
    """Whether anything in a family was made from another piece."""
    return any(piece.parent_id for piece in family)


@register.filter
def tempo_term(bpm: float | str | None) -> str:
    """Name the tempo as a score does: 88 is andante."""
    if bpm in (None, ""):
        return ""
    return next((term for below, term in TEMPO_TERMS if float(bpm) < below), FASTEST_TERM)


@register.filter
def musical_term(value: str) -> str:
    """Give the term a score would use for a mood, a busyness or a register."""
    return MOOD_TERMS.get(value) or DENSITY_TERMS.get(value) or REGISTER_TERMS.get(value) or ""


@register.filter
def mode_word(value: str) -> Text:
    """Say in a plain word how a mode sounds."""
    return MODE_WORDS.get(value, "")


@register.filter
def length_use(seconds: str | int) -> Text:
    """Say what people use this length for."""
    return LENGTH_USES.get(str(seconds), "")


@register.filter
def is_past(moment: datetime | None) -> bool:
    """Whether a moment has come; no moment never comes."""
    return moment is not None and moment <= timezone.now()


@dataclass(frozen=True)
class Option:
    """One choice of a field, as a radio input or an option needs it."""

    value: str
    label: Text
    id: str
    is_chosen: bool


@register.filter
def current(bound: BoundField) -> str:
    """Give what a field holds now as text: what was sent, or its default."""
    value = bound.value()
    return "" if value is None else str(getattr(value, "pk", value))


@register.simple_tag
def options_of(bound: BoundField) -> list[Option]:
    """List the choices of a field with the chosen one marked, whatever its widget is."""
    return _options(bound, [(str(value), label) for value, label in bound.field.choices])  # type: ignore[attr-defined]


@register.simple_tag
def lengths_of(bound: BoundField) -> list[Option]:
    """List the lengths the page offers in seconds; a value of one's own is kept."""
    return _options(bound, _with_own(bound, [(str(seconds), str(seconds)) for seconds in LENGTHS]))


@register.simple_tag
def tempi_of(bound: BoundField) -> list[Option]:
    """List tempi in plain words for a field that takes beats a minute; a value of one's own is kept."""
    tempi = [(str(bpm), f"{word} · {tempo_term(bpm)} · {bpm}") for bpm, word in TEMPI]
    return _options(bound, _with_own(bound, [("", _("Any")), *tempi]))


def _with_own(bound: BoundField, known: list[tuple[str, str]]) -> list[tuple[str, str]]:
    chosen = current(bound)
    return known if chosen in {"", *(value for value, _label in known)} else [*known, (chosen, chosen)]


def _options(bound: BoundField, choices: Sequence[tuple[str, Text]]) -> list[Option]:
    chosen = current(bound)
    return [
        Option(value=value, label=label, id=f"{bound.auto_id}_{number}", is_chosen=value == chosen)
        for number, (value, label) in enumerate(choices)
    ]


@register.simple_tag
def control(bound: BoundField, **attributes: str) -> SafeString:
    """Render a field's widget in the site's look. Give attributes as ``inputmode="numeric"``.

    Inline styles, which the content security policy refuses, are dropped.
    """
    widget = bound.field.widget
    look = "form-control"
    if isinstance(widget, CheckboxInput):
        look = "form-check-input"
    elif isinstance(widget, Select) and not isinstance(widget, Textarea):
        look = "form-select"
    if bound.errors:
        look += " is-invalid"
    existing = widget.attrs.get("class", "")
    wanted: dict[str, Any] = {"class": f"{existing} {look}".strip(), "style": False}
    wanted |= {name.replace("_", "-"): value for name, value in attributes.items()}
    return bound.as_widget(attrs=wanted)


@register.filter
def is_checkbox(bound: BoundField) -> bool:
    """Whether the label belongs behind the input."""
    return isinstance(bound.field.widget, CheckboxInput)


@register.filter
def is_trap(bound: BoundField) -> bool:
    """Whether the field is there for machines only: a person never sees or reaches it."""
    return str(bound.field.widget.attrs.get("tabindex", "")) == "-1"


@register.simple_tag
def drawing_of(slug: str) -> str:
    """Give the address of an instrument's picture inside the sprite."""
    name = slug if slug in DRAWN_INSTRUMENTS else "instrument"
    return f"{static('img/instruments.svg')}#{name}"


@register.simple_tag
def sample_of(slug: str) -> str:
    """Give the address of five seconds of an instrument; empty for one of which there is no sample."""
    name = f"audio/{slug}.mp3"
    return static(name) if finders.find(name) else ""


register.simple_tag(waveform_path)


@register.simple_tag
def phrase_x(piece: Composition, seconds: float) -> str:
    """Give where a moment of a piece lies in the box of ``roll_path``, of which a column is an eighth note."""
    return f"{8 + 304 * min(1.0, seconds * (piece.bpm or 0.0) / 30 / roll_end(piece.roll or [])):.1f}"


@register.filter
def legal_text(text: str) -> SafeString:
    """Render the licence text, which is Markdown of headings, paragraphs, numbered clauses and emphasis only.

    A clause keeps its number as it stands in the text, since contracts are quoted by it.
    """
    blocks = (block.strip() for block in re.split(r"\n\s*\n", text))
    return mark_safe("\n".join(_legal_block(escape(block)) for block in blocks if block))  # noqa: S308 - escaped


def _legal_block(block: str) -> str:
    heading = re.match(r"(#{1,4}) +(.+)", block)
    if heading:
        level = min(len(heading[1]) + 1, 4)
        return f"<h{level}>{_emphasis(heading[2])}</h{level}>"
    clauses = re.split(r"(?m)^(\d+)\. +", block)
    if len(clauses) > 1 and not clauses[0].strip():
        pairs = zip(clauses[1::2], clauses[2::2], strict=True)
        return (
            "<ol>"
            + "".join(f'<li value="{number}">{_emphasis(clause)}</li>' for number, clause in pairs)
            + "</ol>"
        )
    return f"<p>{_emphasis(block)}</p>"


def _emphasis(text: str) -> str:
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text, flags=re.DOTALL)
    return re.sub(r"\*(.+?)\*", r"<em>\1</em>", text, flags=re.DOTALL).strip()


@register.simple_tag
def facts() -> Mapping[str, Any]:
    """Give the numbers that pages state, from the settings and models that make them true."""
    return {
        "first_refusal_hours": int(Composition.FIRST_REFUSAL.total_seconds() // 3600),
        "hold_minutes": int(settings.HOLD_FOR.total_seconds() // 60),
        "code_minutes": settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT // 60,
        "session_days": settings.SESSION_COOKIE_AGE // 86400,
        "terms_version": settings.TERMS_VERSION,
        "seller": settings.SELLER_NAME,
        "contact": settings.DEFAULT_FROM_EMAIL,
        "test_checkout": settings.TEST_CHECKOUT,
    }
