"""``manage.py attack_tag``: attack the spoken tags of ten previews."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from generation.management.sound_pieces import SoundMeasurement, cache_dir, say

if TYPE_CHECKING:
    from generation.audio.evaluation.report import Report
    from generation.audio.evaluation.studio import Piece


class Command(SoundMeasurement):
    help = "Try to take the spoken tags out of ten previews, knowing every recording."
    pieces = 1

    def report(self, pieces: list[Piece], options: dict[str, Any]) -> Report:
        from generation.audio.evaluation import sections

        return sections.attack_report(pieces, cache_dir=cache_dir(), progress=say)
