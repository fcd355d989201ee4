"""The instruments as sounds: which font, which program, in which room, and where the fonts are."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from generation.audio.errors import SoundUnavailable, UnknownFont

PROGRAMS = ("fluidsynth", "lame", "ffmpeg", "espeak-ng", "fpcalc")

FONT_FOLDERS = (
    "/usr/share/sounds/sf3",
    "/usr/share/sounds/sf2",
    "/usr/share/soundfonts",
    "/usr/local/share/sounds/sf3",
    "/usr/local/share/sounds/sf2",
    "/usr/local/share/soundfonts",
    "/opt/homebrew/share/soundfonts",
)
FONT_FOLDER_VARIABLE = "SOLOSCORE_SOUNDFONT_DIR"
ALLOW_UNKNOWN_VARIABLE = "SOLOSCORE_ALLOW_UNKNOWN_SOUNDFONT"


@dataclass(frozen=True, slots=True)
class Font:
    """A sound font whose licence allows selling what is rendered with it.

    ``files`` are the names it goes by, best first; ``sha256`` maps the builds we know to where they come from.
    """

    files: tuple[str, ...]
    sha256: dict[str, str]
    licence: str


MUSESCORE_GENERAL = Font(
    files=(
        "MuseScore_General_Full.sf2",
        "MuseScore_General_Full.sf3",
        "MuseScore_General.sf2",
        "MuseScore_General.sf3",
        "MuseScore_General_Lite.sf3",
    ),
    sha256={
        "f9a37b36655f23e167c66ec91bef6097c8e99be29286219a54062919eb41aeae": (
            "Debian musescore-general-soundfont 0.2.1-1"
        ),
        "916aaca6b0eb9f9083eb42399614acb2ff4ec72ce28dffff1814592a9696b479": (
            "Debian musescore-general-soundfont-small 0.2.1-1"
        ),
        "59287cbb0f424ec76d1bc269eee40dfe0b02252588d72eb016b5d2382e710a8f": (
            "Debian musescore-general-soundfont-lossless 0.2.1-1"
        ),
    },
    licence="MIT, parts public domain or CC0 (/usr/share/doc/musescore-general-soundfont/copyright)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How one instrument sounds.

    ``program`` is the General MIDI program from 0, ``lowest`` and ``highest`` are MIDI pitches, ``room`` is the
    share of reverberation (0 to 1; more for sources recorded in mono). Nothing is let through above ``ceiling_hertz``.
    """

    slug: str
    program: int
    lowest: int
    highest: int
    room: float
    ceiling_hertz: float | None = None
    font: Font = MUSESCORE_GENERAL


VOICES = {
    voice.slug: voice
    for voice in (
        Voice(slug="piano", program=0, lowest=21, highest=108, room=0.16),
        Voice(slug="guitar", program=24, lowest=40, highest=88, room=0.26),
        Voice(slug="harpsichord", program=6, lowest=29, highest=89, room=0.22),
        Voice(slug="organ", program=19, lowest=36, highest=96, room=0.28),
        Voice(slug="violin", program=40, lowest=55, highest=103, room=0.26),
        Voice(slug="viola", program=41, lowest=48, highest=91, room=0.26),
        Voice(slug="cello", program=42, lowest=36, highest=84, room=0.26),
        # Above that the font's flute has nothing but faint clicks where its samples go round.
        Voice(slug="flute", program=73, lowest=60, highest=98, room=0.26, ceiling_hertz=11_500),
        Voice(slug="harp", program=46, lowest=23, highest=103, room=0.24),
        Voice(slug="vibraphone", program=11, lowest=53, highest=89, room=0.22),
        Voice(slug="marimba", program=12, lowest=36, highest=96, room=0.24),
    )
}


def voice_of(instrument: str) -> Voice:
    """Return the voice of an instrument slug; ``ValueError`` names those that exist."""
    try:
        return VOICES[instrument]
    except KeyError:
        raise ValueError(f"no sound for instrument {instrument!r}; there are: {', '.join(VOICES)}") from None


def font_folders() -> tuple[Path, ...]:
    """Folders searched for fonts: that of ``SOLOSCORE_SOUNDFONT_DIR`` first, then the usual ones."""
    own = os.environ.get(FONT_FOLDER_VARIABLE)
    return tuple(Path(folder) for folder in ((own,) if own else ()) + FONT_FOLDERS)


def find_font(font: Font = MUSESCORE_GENERAL) -> Path:
    """Return the file of ``font``; ``SoundUnavailable`` says where it was looked for and how to get it."""
    folders = font_folders()
    for folder in folders:
        for name in font.files:
            if (folder / name).is_file():
                return folder / name
    places = ", ".join(str(folder) for folder in folders)
    raise SoundUnavailable(missing=f"sound font {font.files[1]} (looked in {places})")


def find_program(name: str) -> str:
    """Return the path of a program, or raise ``SoundUnavailable``."""
    path = shutil.which(name)
    if path is None:
        raise SoundUnavailable(missing=f"program {name}")
    return path


@dataclass(frozen=True, slots=True)
class Build:
    """The file of a font on this machine; ``origin`` is where this build comes from, empty if it is not known."""

    path: Path
    sha256: str
    origin: str


def build_of(font: Font) -> Build:
    """Say which build of ``font`` lies on this machine. Its digest is computed once in the life of the process.

    Raises ``SoundUnavailable`` if there is none.
    """
    path = find_font(font)
    state = path.stat()
    digest = _digest(path.resolve(), state.st_size, state.st_mtime_ns)
    return Build(path=path, sha256=digest, origin=font.sha256.get(digest, ""))


def trusted_font(font: Font = MUSESCORE_GENERAL) -> Path:
    """Return the file of ``font`` if it may be rendered with.

    A build that is not known is refused with ``UnknownFont``: its licence was not read, or the file is damaged and
    would sound wrong. ``SOLOSCORE_ALLOW_UNKNOWN_SOUNDFONT=1`` in the environment takes it all the same.
    """
    build = build_of(font)
    if not build.origin and os.environ.get(ALLOW_UNKNOWN_VARIABLE) != "1":
        raise UnknownFont(
            f"{build.path} is damaged or not a build we know (its SHA-256 is {build.sha256}); get one of: "
            f"{', '.join(font.sha256.values())} (apt-get install --reinstall repairs it), or read its licence and set "
            f"{ALLOW_UNKNOWN_VARIABLE}=1"
        )
    return build.path


def check_sound(voices: Iterable[Voice] = tuple(VOICES.values())) -> list[str]:
    """Return what keeps ``voices`` from sounding on this machine, one sentence each; empty if all is well."""
    problems = []
    for name in PROGRAMS:
        try:
            find_program(name)
        except SoundUnavailable as error:
            problems.append(str(error))
    for font in {id(voice.font): voice.font for voice in voices}.values():
        try:
            trusted_font(font)
        except SoundUnavailable as error:
            problems.append(str(error))
    return problems


@lru_cache(maxsize=8)
def _digest(path: Path, size: int, changed: int) -> str:
    """SHA-256 of a file; size and time of change are there so that a replaced file is read again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
