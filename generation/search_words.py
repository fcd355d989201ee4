"""The words of a search read as music: keys by their names in the language spoken here, and in English.

``B`` is B to an Englishman and B♭ to a German, who calls the other one H: the mode that stands beside a key says whose
word it is, and a key alone means both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import pgettext, pgettext_lazy

from generation.composer.score import TONICS
from generation.models import Composition
from generation.orders import spelled_tonic

SIGNS = {"flat": "-", "sharp": "#"}
LETTERS_OF_GRAMMAR = 2
SHORTEST_END = 4
EDGES = ",.;:!?()\"'“”„"

OTHER_KEYS = (
    pgettext_lazy("key", "D♭"), pgettext_lazy("key", "D♯"), pgettext_lazy("key", "G♭"), pgettext_lazy("key", "G♯"),
    pgettext_lazy("key", "A♯"), pgettext_lazy("key", "C♭"), pgettext_lazy("key", "F♭"),
)  # fmt: skip
"""The names of keys that the composer spells otherwise, for the catalogue of translations."""

NAMES = (
    "C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B", "D♭", "D♯", "G♭", "G♯", "A♯", "C♭", "F♭",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was named: one of some tonics, in a mode unless that is empty."""

    tonics: tuple[str, ...]
    mode: str = ""


def read(words: Sequence[str]) -> list[str | Key]:
    """Read ``E flat minor``, ``h-Moll`` or ``F# major`` as keys, drop the article "a", and leave other words alone."""
    parts = [*_parted(words), "", ""]
    found: list[str | Key] = []
    at = 0
    while at < len(parts) - 2:
        word, after = parts[at], parts[at + 1].lower()
        at += 1
        if len(word) == 1 and after in SIGNS:
            word, after = word.upper() + SIGNS[after], parts[at + 1].lower()
            at += 1
        mode = _modes().get(after, "")
        tonics = _tonics(word, mode_word=after if mode else "")
        if tonics and mode:
            found.append(Key(tonics, mode))
            at += 1
        elif tonics and word != "a" and _english(word):
            found.append(Key(tonics))
        elif word != "a":
            found.append(word)
    return found


def tonics_called(word: str) -> tuple[str, ...]:
    """Return the tonics that go by a name in the language spoken here or in English, without one twice."""
    return tuple(dict.fromkeys(tonic for tonic in (_local(word), _english(word)) if tonic))


def names(word: str, *called: str) -> bool:
    """Whether a word begins a word of these names, ends one (Gitarre: Konzertgitarre), or is a form of it."""
    lower = word.lower()
    parts = [part for name in called for part in name.lower().split()]
    ends = len(lower) >= SHORTEST_END and any(part.endswith(lower) for part in parts)
    return ends or any(part.startswith(lower) for part in parts) or is_form_of(word, *called)


def is_form_of(word: str, *called: str) -> bool:
    """Whether a word is one of these, with the letters or two that grammar may add (ruhige, Violine)."""
    lower = word.lower()
    return any(
        lower.startswith(name.lower()) and len(lower) <= len(name) + LETTERS_OF_GRAMMAR for name in called
    )


def _tonics(word: str, *, mode_word: str) -> tuple[str, ...]:
    if not mode_word:
        return tonics_called(word)
    is_english = mode_word in Composition.Mode.values
    readings = (_english(word), _local(word)) if is_english else (_local(word), _english(word))
    return next(((tonic,) for tonic in readings if tonic), ())


def _english(word: str) -> str:
    tonic = spelled_tonic(word)
    return tonic if tonic in TONICS else ""


def _local(word: str) -> str:
    called = word.lower()
    return next((spelled_tonic(name) for name in NAMES if pgettext("key", name).lower() == called), "")


def _modes() -> dict[str, str]:
    labels = {str(label).lower(): value for value, label in Composition.Mode.choices}
    return labels | {value: value for value in Composition.Mode.values}


def _parted(words: Sequence[str]) -> list[str]:
    """Part ``h-Moll`` at its hyphen and take the punctuation off: a title that was copied is found."""
    modes = _modes()
    parts: list[str] = []
    for word in words:
        bare = word.strip(EDGES)
        key, _hyphen, mode = bare.partition("-")
        if mode.lower() in modes:
            parts += [key, mode]
        elif bare and bare.lower() != pgettext("before the number of a piece", "no"):
            parts.append(bare)
    return [part for part in parts if part]
