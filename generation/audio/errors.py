"""What can go wrong with sound, as one small family of errors with messages fit for an operator."""

from __future__ import annotations

INSTALL_HINT = (
    "apt-get install fluidsynth lame ffmpeg espeak-ng libchromaprint-tools musescore-general-soundfont"
)


class AudioError(Exception):
    """Any failure of the sound part; catching it catches everything below."""


class SoundUnavailable(AudioError):
    """A program or a sound font is missing from this machine; the message names what to install."""

    def __init__(self, *, missing: str) -> None:
        super().__init__(f"{missing} is missing; install it with: {INSTALL_HINT}")


class UnknownFont(SoundUnavailable):
    """A sound font is there, but it is damaged or none of the builds whose licence was read."""

    def __init__(self, message: str) -> None:
        AudioError.__init__(self, message)


class NotAudio(AudioError):
    """A file from outside is no audio that can be read; the message says what it is instead, as far as known."""


class TooShort(NotAudio):
    """An audio file has too little music in it to be recognised."""


class SynthesisFailed(AudioError):
    """The synthesizer or the speech program ended badly, took too long or gave silence."""


class EncodingFailed(AudioError):
    """An audio or PDF file could not be written or read for a reason other than a full disk."""


class CredentialsUnusable(AudioError):
    """The certificate or key that signs where files come from is missing, damaged, expired or does not fit."""


class StorageFull(AudioError):
    """No space is left where the files should go; nothing half-written was left behind."""
