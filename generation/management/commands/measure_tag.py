"""``manage.py measure_tag``: measure the spoken tag of previews."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from generation.management.sound_pieces import SoundMeasurement, cache_dir, say

if TYPE_CHECKING:
    from generation.audio.evaluation.report import Report
    from generation.audio.evaluation.studio import Piece


class Command(SoundMeasurement):
    help = "Measure how loud the spoken tags are against the music at their places, and how intelligible."
    pieces = 4

    def report(self, pieces: list[Piece], options: dict[str, Any]) -> Report:
        from generation.audio.evaluation import sections

        return sections.tag_report(pieces, cache_dir=cache_dir(), progress=say)
