"""Writing a folder of results so that it appears whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def appearing_in(target: Path) -> Iterator[Path]:
    """Give an empty folder beside ``target`` to write into; on success its files move into ``target``.

    Files of the same names are replaced, others in ``target`` stay. After any failure ``target`` is as it was before.
    Raises ``NotADirectoryError`` if ``target`` is a file.
    """
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(f"{target} is a file; name a folder.")
    parents = [parent for parent in (target.parent, *target.parent.parents) if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as name:
            work = Path(name)
            yield work
            target.mkdir(exist_ok=True)
            for path in sorted(work.iterdir()):
                path.replace(target / path.name)
    except BaseException:
        for parent in parents:
            with suppress(OSError):
                parent.rmdir()
        raise
