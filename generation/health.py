"""How fit this machine is to make and recognise sound, and how the queue stands: what the staff sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from generation.audio.errors import AudioError
from generation.audio.process import run_program
from generation.audio.voices import PROGRAMS, VOICES, Font, Voice, build_of, find_program
from generation.models import Composition
from generation.states import WORKING, State

VERSION_WITHIN_SECONDS = 5.0
VERSION_OPTIONS = {"ffmpeg": "-version", "fpcalc": "-version"}


class Program(NamedTuple):
    """A program that sound needs; ``version`` is what it says of itself, empty if it is missing or broken."""

    name: str
    path: str
    version: str


class Sounds(NamedTuple):
    """A sound font and what is played with it.

    ``path`` is where it lies, empty if it is missing; ``origin`` is where its build comes from, empty if it is not
    known.
    """

    font: Font
    path: str
    sha256: str
    origin: str
    voices: list[Voice]


@dataclass(frozen=True, slots=True)
class Queue:
    """How many pieces wait and are in work, since when the first one waits, and what went wrong within a day.

    ``unheard`` counts finished pieces without an audio print: they are not recognised.
    """

    waiting: int
    working: int
    waiting_since: datetime | None
    failed: int
    unheard: int


def programs() -> list[Program]:
    """Ask every program that sound needs for its version."""
    return [_program(name) for name in PROGRAMS]


def sounds() -> list[Sounds]:
    """Say of every sound font what lies on this machine, and which instruments play it."""
    fonts = {id(voice.font): voice.font for voice in VOICES.values()}
    return [_sounds(font) for font in fonts.values()]


def queue() -> Queue:
    """Count the queue."""
    pieces = Composition.objects.order_by("created_at")
    waiting = pieces.filter(state=State.QUEUED)
    yesterday = timezone.now() - timedelta(days=1)
    return Queue(
        waiting=waiting.count(),
        working=pieces.filter(state__in=WORKING).count(),
        waiting_since=waiting.values_list("created_at", flat=True).first(),
        failed=pieces.filter(state=State.FAILED, finished_at__gt=yesterday).count(),
        unheard=pieces.filter(state=State.READY, audio_print=None).count(),
    )


def _program(name: str) -> Program:
    said: list[bytes] = []
    try:
        path = find_program(name)
        option = VERSION_OPTIONS.get(name, "--version")
        run_program(
            command=[name, option],
            timeout=VERSION_WITHIN_SECONDS,
            failure=AudioError,
            on_output=said.append,
        )
    except AudioError:
        return Program(name, "", "")
    lines = b"".join(said).decode("utf-8", "replace").splitlines()
    return Program(name, path, lines[0].partition("  ")[0].partition(" Copyright")[0] if lines else "")


def _sounds(font: Font) -> Sounds:
    voices = [voice for voice in VOICES.values() if voice.font is font]
    try:
        build = build_of(font)
    except AudioError:
        return Sounds(font, "", "", "", voices)
    return Sounds(font, str(build.path), build.sha256, build.origin, voices)
