"""Measurements kept in a folder, so that a report that was stopped goes on and one made again is quick."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Kept:
    """A folder of measured values, each with the key of what it was measured on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def value(self, name: str, *, key: list[Any], make: Callable[[], Any]) -> Any:
        """Return what was measured under this key, or measure it; both come as JSON gives them back."""
        path = self.folder / f"{name}.json"
        if path.is_file():
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["key"] == key:
                return stored["value"]
        text = json.dumps({"key": key, "value": make()}, ensure_ascii=False)
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
        return json.loads(text)["value"]
