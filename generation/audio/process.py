"""Run one of the outside programs: with a time limit, without a shell, and never left running."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import selectors
import subprocess
import time
from collections.abc import Callable, Collection, Sequence

from generation.audio.errors import AudioError, StorageFull
from generation.audio.voices import find_program

CHUNK_BYTES = 1 << 20
"""Read at a time, and what the program may write ahead where the system lets a pipe hold so much."""

GATHERING_SECONDS = 0.01
"""Rest after a piece of long output: whoever reads each at once is woken a thousand times a minute of sound."""

FULL_DISK = ("No space left on device", "Error writing mp3 output")
"""What programs say when the disk is full: the system's words, and what LAME says in their place."""

KEPT_MESSAGE_BYTES = 4000
LONGEST_SILENCE_SECONDS = 0.2


def run_program(
    *,
    command: Sequence[str],
    timeout: float,
    failure: type[AudioError],
    on_output: Callable[[bytes], None] | None = None,
    statuses: Collection[int] = (0,),
    memory_bytes: int | None = None,
) -> str:
    """Run ``command``, hand its standard output to ``on_output`` as it comes, return its standard error.

    ``command[0]`` is the name of a program, looked up on the path (``SoundUnavailable`` if it is not there).
    An exit status outside ``statuses``, or more than ``timeout`` seconds, raises ``failure`` with the program's last
    words; a full disk raises ``StorageFull``. An exception from ``on_output`` ends the program and is passed on; while
    nothing comes it is called with nothing a few times a second, so that a program that hangs can be ended too.
    ``memory_bytes`` limits the program's address space where the system can (Linux).
    """
    name = command[0]
    process = subprocess.Popen(
        [find_program(name), *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    if process.stdout is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        # The limit for all pipes of a user may be used up; then it stays at 64 KiB.
        with contextlib.suppress(OSError):
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, CHUNK_BYTES)
    if memory_bytes and hasattr(resource, "prlimit"):
        # After the start, since a hook between fork and exec is not safe in a process with threads.
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(process.pid, resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    try:
        said = _follow(process=process, deadline=time.monotonic() + timeout, on_output=on_output)
    except TimeoutError:
        raise failure(f"{name} did not finish within {timeout:g} s and was stopped") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    if any(words in said for words in FULL_DISK):
        raise StorageFull(f"{name} found no space left on the disk; free some and try again")
    if process.returncode not in statuses:
        raise failure(f"{name} ended with status {process.returncode}: {said.strip() or 'it said nothing'}")
    return said


def _follow(
    *, process: subprocess.Popen[bytes], deadline: float, on_output: Callable[[bytes], None] | None
) -> str:
    """Read both streams until the program ends; ``TimeoutError`` at ``deadline`` (monotonic seconds)."""
    said = b""
    received = 0
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                selector.register(stream, selectors.EVENT_READ, data=stream is process.stderr)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            ready = selector.select(timeout=min(left, LONGEST_SILENCE_SECONDS))
            if not ready and on_output is not None:
                on_output(b"")
            for key, _ in ready:
                data = os.read(key.fd, CHUNK_BYTES)
                is_message = key.data
                if not data:
                    selector.unregister(key.fileobj)
                elif is_message:
                    said = (said + data)[-KEPT_MESSAGE_BYTES:]
                elif on_output is not None:
                    on_output(data)
                    received += len(data)
                    if received > CHUNK_BYTES and len(data) < CHUNK_BYTES // 2:
                        time.sleep(GATHERING_SECONDS)
    try:
        process.wait(timeout=max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    return said.decode("utf-8", "replace")
