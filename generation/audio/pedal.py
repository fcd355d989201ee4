"""The damper pedal of a piano or vibraphone, which follows the harmony."""

from __future__ import annotations

from itertools import pairwise

from generation.audio.clock import Clock
from generation.audio.phrases import pulse
from generation.composer.score import Score

PEDAL_UP, PEDAL_DOWN = -0.01, 0.07
"""Legato pedalling: released with the new harmony, pressed again once its notes sound."""

PEDAL_PITCH_CLASSES = 5


def pedal_spans(*, score: Score, clock: Clock) -> tuple[tuple[float, float], ...]:
    """Hold the pedal as long as the notes begun agree: at most a bar, five pitch classes, no semitone.

    Returns (seconds down, seconds up), in order and apart.
    """
    beat = pulse(score)
    changes: list[int] = []
    held: set[int] = set()
    for step in range(score.pickup % beat - beat if score.pickup % beat else 0, score.steps, beat):
        new = {note.pitch % 12 for note in score.notes if step <= note.onset < step + beat}
        together = held | new
        clash = any((pitch + 1) % 12 in together for pitch in together)
        at_bar = (step - score.pickup) % score.steps_per_bar == 0
        if not changes or at_bar or (new - held and (clash or len(together) > PEDAL_PITCH_CLASSES)):
            changes.append(max(0, step))
            held = new
        else:
            held = together
    spans = []
    last = min(score.steps, max(note.onset + note.duration for note in score.notes))
    for begin, end in pairwise([*changes, last]):
        down, up = clock.at(begin) + PEDAL_DOWN, clock.at(end) + PEDAL_UP
        if up - down > PEDAL_DOWN:
            spans.append((down, up))
    return tuple(spans)
