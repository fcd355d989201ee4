"""Write files so that they appear whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from generation.audio.errors import StorageFull

FULL = {errno.ENOSPC, errno.EDQUOT}
TEMPORARY = ".part-"


@contextmanager
def reporting_full_disk(place: Path) -> Iterator[None]:
    """Turn "no space left" and "quota exceeded" inside the block into ``StorageFull``."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull(
                f"no space left on the disk of {_lasting(place)}; free some and try again"
            ) from error
        raise


def _lasting(place: Path) -> Path:
    """The nearest folder above ``place`` (or itself) that is none of our temporary ones."""
    return next(path for path in (place, *place.parents) if TEMPORARY not in str(path))


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a temporary path beside ``target``; on success it becomes ``target``, on failure it is removed.

    The temporary name keeps the suffix of ``target``, since encoders choose the format by it.
    """
    with reporting_full_disk(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=TEMPORARY, suffix=target.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o644)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def workplace(directory: Path) -> Iterator[Path]:
    """Give a temporary folder inside ``directory`` and remove it with all it holds, whatever happens.

    ``directory`` is made if need be, and on failure taken away again if it was made here.
    """
    was_there = directory.exists()
    with reporting_full_disk(directory):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=directory, prefix=TEMPORARY) as name:
                yield Path(name)
        except BaseException:
            if not was_there:
                with suppress(OSError):
                    directory.rmdir()
            raise


def remove_left_overs(directory: Path, *, older_than: float) -> int:
    """Remove the temporary files in ``directory`` that nobody has written to for ``older_than`` seconds.

    They are what a process left that was killed while it used ``replacing``. Returns how many there were.
    """
    count = 0
    # Unlike Path.rglob, this does not mind what others remove meanwhile.
    for folder, _, names in os.walk(directory):
        for name in names:
            path = Path(folder, name)
            with suppress(FileNotFoundError):
                if name.startswith(TEMPORARY) and time.time() - path.stat().st_mtime > older_than:
                    path.unlink()
                    count += 1
    return count
