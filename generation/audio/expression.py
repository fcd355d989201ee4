"""How each instrument is played: dynamics, articulation, timing and pedal, as one row of figures an instrument."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """The manner of one instrument's player.

    Loudness, in MIDI velocities: ``base`` is the middle, ``softest`` and ``loudest`` bound it; ``phrase`` is the
    height of a phrase's arc, ``accent`` the stress of a first beat, ``contour`` that of a melodic peak,
    ``balance`` how far inner voices stand behind the top one, ``unevenness`` a standard deviation. All are 0 for
    instruments without touch dynamics.

    Articulation, in seconds: ``overlap`` is how long a note sounds into the next (bowed, blown), ``gap`` how long
    before its end it is left, at most ``gap_share`` of its length; ``breath`` is the silence before a new phrase.
    ``rings`` lets a tone sound on until its bar ends or a neighbour is played. ``fading`` is how many seconds a held
    tone takes to fall by 40 dB, at MIDI pitches 48 and 84 (0: it does not). Tones longer than ``roll_from``
    grid steps, or than a stroke is heard, are rolled (0: never).

    Timing, in seconds: ``jitter`` and ``spread`` are standard deviations for a chord and for the notes in it,
    ``rubato`` is how far a phrase hurries towards its middle, ``strum`` the time between the notes of a chord.
    ``strum_both_ways`` strums off-beat chords from the top. ``pedal`` follows the harmony. ``swell`` is how far
    long tones grow, in steps of the MIDI controller for expression.
    """

    base: int
    softest: int
    loudest: int
    phrase: float = 0.0
    accent: float = 0.0
    contour: float = 0.0
    balance: float = 0.0
    unevenness: float = 0.0
    overlap: float = 0.0
    gap: float = 0.0
    gap_share: float = 0.5
    breath: float = 0.0
    rings: bool = False
    fading: tuple[float, float] = (0.0, 0.0)
    roll_from: int = 0
    jitter: float = 0.004
    spread: float = 0.0
    rubato: float = 0.0
    strum: float = 0.0
    strum_both_ways: bool = False
    pedal: bool = False
    swell: int = 0


EXPRESSIONS = {
    # Above velocity 107 the piano changes to another recorded layer, which would stick out.
    "piano": Expression(
        base=66, softest=34, loudest=106, phrase=9, accent=6, contour=4, balance=8, unevenness=2.5,
        gap=0.015, jitter=0.005, spread=0.003, rubato=0.03, pedal=True, fading=(13.0, 2.4),
    ),
    "guitar": Expression(
        base=74, softest=42, loudest=108, phrase=8, accent=6, contour=4, balance=8, unevenness=3,
        gap=0.015, rings=True, jitter=0.005, spread=0.003, rubato=0.03, strum=0.012, strum_both_ways=True,
        fading=(11.0, 1.8),
    ),
    "harpsichord": Expression(
        base=84, softest=84, loudest=84, gap=0.06, gap_share=0.2, jitter=0.004, spread=0.002, rubato=0.025,
        strum=0.009, fading=(5.7, 1.7),
    ),
    "organ": Expression(
        base=84, softest=84, loudest=84, gap=0.05, gap_share=0.15, breath=0.12, jitter=0.003, spread=0.002,
        rubato=0.015,
    ),
    "violin": Expression(
        base=78, softest=44, loudest=112, phrase=11, accent=4, contour=5, balance=5, unevenness=2,
        overlap=0.05, breath=0.07, jitter=0.006, spread=0.004, rubato=0.035, swell=16,
    ),
    "viola": Expression(
        base=78, softest=44, loudest=110, phrase=11, accent=4, contour=5, balance=5, unevenness=2,
        overlap=0.05, breath=0.08, jitter=0.006, spread=0.004, rubato=0.035, swell=16,
    ),
    "cello": Expression(
        base=78, softest=44, loudest=110, phrase=11, accent=5, contour=5, balance=5, unevenness=2,
        overlap=0.06, breath=0.09, jitter=0.006, spread=0.004, rubato=0.04, swell=18,
    ),
    "flute": Expression(
        base=76, softest=46, loudest=108, phrase=10, accent=3, contour=5, unevenness=2,
        overlap=0.03, breath=0.16, jitter=0.005, rubato=0.03, swell=12,
    ),
    "harp": Expression(
        base=72, softest=38, loudest=108, phrase=9, accent=5, contour=4, balance=7, unevenness=3,
        gap=0.015, rings=True, jitter=0.005, spread=0.002, rubato=0.035, strum=0.022, fading=(3.8, 1.5),
    ),
    "vibraphone": Expression(
        base=68, softest=38, loudest=104, phrase=9, accent=5, contour=4, balance=8, unevenness=2.5,
        gap=0.015, jitter=0.004, spread=0.003, rubato=0.02, pedal=True, fading=(3.5, 1.6),
    ),
    "marimba": Expression(
        base=76, softest=42, loudest=112, phrase=8, accent=8, contour=4, balance=7, unevenness=3,
        gap=0.01, roll_from=18, jitter=0.004, spread=0.003, rubato=0.012,
    ),
}  # fmt: skip
"""Manners by instrument. The figures are small on purpose and were set by eye and meter, not by ear."""
