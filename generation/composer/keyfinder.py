"""The key that is heard: by the notes alone, not by what the composer was told.

Krumhansl & Kessler (Psychological Review 89, 1982): the shares of the twelve pitch classes, weighted by duration,
are correlated with the profile of each of the 24 keys; the highest correlation names the key.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from generation.composer.score import TONICS, Mode, Note

PROFILES: dict[Mode, tuple[float, ...]] = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
"""Ratings of the probe tones, from the tonic upwards in semitones."""


def heard_key(notes: Sequence[Note]) -> tuple[str, Mode]:
    """Tonic (a name of ``TONICS``) and mode of some notes."""
    weights = np.zeros(12)
    for note in notes:
        weights[note.pitch % 12] += note.duration
    best = max(
        (round(float(np.corrcoef(np.roll(profile, tonic), weights)[0, 1]), 9), -tonic, mode)
        for mode, profile in PROFILES.items()
        for tonic in range(12)
    )
    return TONICS[-best[1]], best[2]
