"""``manage.py make_samples``: five seconds of each instrument, for the page on which one is chosen."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from django.conf import settings
from django.core.management.base import CommandParser

from generation.audio.files import encode_mp3, read_sound_of
from generation.audio.labels import Labels
from generation.audio.render import MASTER
from generation.audio.synthesis import RATE
from generation.composer.compose import Order, available_instruments, compose, load_model
from generation.management.base import OneLineCommand
from generation.production import produce

SAMPLES = Path(settings.BASE_DIR) / "marketplace" / "static" / "audio"
SECONDS = 5.0
FADE_SECONDS = 0.6
KILOBITS = 56
LABELS = Labels(title="Sample", comment="AI-generated music. A sample of the instrument, not for sale.")
SEED = 1685
ORDERED_SECONDS = 10.25
"""Nobody can order a fraction of a second, so nobody is sold the piece of a sample."""


class Command(OneLineCommand):
    help = "Compose and record the sample of each instrument into marketplace/static/audio; run it for a new model."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--instrument", action="append", help="only this one; may be repeated")

    def handle(self, *args: Any, **options: Any) -> None:
        SAMPLES.mkdir(parents=True, exist_ok=True)
        for instrument in options["instrument"] or available_instruments():
            order = Order(instrument=instrument, seconds=ORDERED_SECONDS, seed=SEED)
            composed = compose(order, model=load_model(instrument))
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                produce(replace(composed.score, title="Sample"), folder=folder, seed=SEED, work=b"sample")
                _write(folder / MASTER, path=SAMPLES / f"{instrument}.mp3", folder=folder)
            self.stdout.write(f"{instrument}: {(SAMPLES / f'{instrument}.mp3').stat().st_size} bytes")


def _write(master: Path, *, path: Path, folder: Path) -> None:
    """Write the beginning of a master, in mono and faded out."""
    sound = read_sound_of(master)[: int(SECONDS * RATE)].mean(axis=1)
    fade = int(FADE_SECONDS * RATE)
    sound[-fade:] *= 0.5 + 0.5 * np.cos(np.linspace(0, np.pi, fade))
    wav = folder / "sample.wav"
    soundfile.write(wav, sound, RATE, subtype="PCM_16")
    encode_mp3(source=wav, path=path, kilobits=KILOBITS, labels=LABELS)
