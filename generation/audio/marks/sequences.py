"""Signs that nobody can foretell without the key."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
import numpy.typing as npt

Signs = npt.NDArray[np.int8]


def derive_key(*, secret: bytes, purpose: bytes, parts: tuple[bytes, ...] = ()) -> bytes:
    """Return 32 bytes that follow from ``secret`` and, unambiguously, from ``purpose`` and ``parts``.

    The number is that of the way the marks are written: a new way needs new signs. HMAC-SHA256 (RFC 2104) over the
    parts, each preceded by its length.
    """
    fields = (b"soloscore mark 1", purpose, *parts)
    message = b"".join(len(field).to_bytes(4) + field for field in fields)
    return hmac.new(secret, message, hashlib.sha256).digest()


def draw_signs(*, key: bytes, rows: int, columns: int) -> Signs:
    """Return ``rows`` times ``columns`` independent signs, +1 or -1; more rows begin with the same ones.

    The bits are the output of SHAKE-256 (FIPS 202), so they are the same with every version of NumPy.
    """
    count = rows * columns
    stream = hashlib.shake_256(key).digest((count + 7) // 8)
    bits = np.unpackbits(np.frombuffer(stream, dtype=np.uint8), count=count)
    return (bits.view(np.int8) * 2 - 1).reshape(rows, columns)
