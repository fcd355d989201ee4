"""Real music as another player has to play it: what a model with a borrowed network is corrected to and measured by.

Harp, vibraphone and marimba have no corpus of their own: a network of piano or guitar music writes for them, inside
what their players can play. To set such pieces beside piano music as it stands would measure the keyboard, not the
composer. So the real side is arranged first, by the plainest rules of the trade: the piece is moved by octaves to where
most of it lies in range, what still lies outside is moved by octaves by itself, a tone is let go when the hands are
needed, and what they cannot hold at all is left out from the middle of the chord.
"""

from __future__ import annotations

import dataclasses
import itertools

from generation.composer.players import PLAYERS, Player
from generation.composer.score import STEPS_PER_QUARTER, Note, Score

_OCTAVE = 12
_SHIFTS = (0, _OCTAVE, -_OCTAVE, 2 * _OCTAVE, -2 * _OCTAVE)


def arranged(score: Score, *, instrument: str) -> Score:
    """Return ``score`` as ``instrument`` can play it; unchanged for one that has a corpus of its own."""
    player = PLAYERS[instrument]
    if player.weights_from is None:
        return score
    pitches = [note.pitch for note in score.notes]
    shift = max(_SHIFTS, key=lambda step: sum(player.low <= pitch + step <= player.high for pitch in pitches))
    longest = player.longest * STEPS_PER_QUARTER
    moved = {
        Note(note.onset, _folded(note.pitch + shift, player), min(note.duration, longest), note.part)
        for note in score.notes
    }
    chords: dict[int, dict[int, Note]] = {}
    for note in sorted(moved):  # of two tones on one pitch the longer one stays
        chords.setdefault(note.onset, {})[note.pitch] = note
    ends: dict[Note, int] = {}
    held: list[Note] = []
    for onset, chord in chords.items():
        held = [note for note in held if ends[note] > onset]
        kept = [note for note in held if note.pitch not in chord]
        struck = list(chord.values())
        while not _can_hold(player, [note.pitch for note in (*kept, *struck)]):
            if kept:
                kept.pop(0)
            else:
                struck.pop((len(struck) - 1) // 2)
        ends |= {note: onset for note in held if note not in kept}
        ends |= {note: onset + note.duration for note in struck}
        held = kept + struck
    notes = (dataclasses.replace(note, duration=end - note.onset) for note, end in ends.items())
    return dataclasses.replace(score, instrument=instrument, notes=tuple(sorted(notes)))


def _can_hold(player: Player, pitches: list[int]) -> bool:
    """Whether so many tones, that far apart, lie under the hands, and none too close to another in the bass."""
    tones = sorted(pitches)
    if len(tones) > player.voices:
        return False
    if any(
        low < player.clear_below and high - low < player.clear_interval
        for low, high in itertools.pairwise(tones)
    ):
        return False
    hands = 1
    lowest = tones[0] if tones else 0
    for tone in tones:
        if tone - lowest > player.span:
            hands, lowest = hands + 1, tone
    return hands <= player.hands


def _folded(pitch: int, player: Player) -> int:
    while pitch < player.low:
        pitch += _OCTAVE
    while pitch > player.high:
        pitch -= _OCTAVE
    return pitch
