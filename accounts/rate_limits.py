"""How often a client of the API may ask, counted in the cache, and the headers that say so.

The headers are those of the IETF's draft (draft-ietf-httpapi-ratelimit-headers-10). The count is as exact as the
cache: Redis and Memcached add atomically; the database cache reads and writes apart, so that requests at the very same
instant may be counted as one and the limit be overrun slightly.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.core.cache import cache

WINDOW_SECONDS = 60
VISITORS_PER_MINUTE = 120
"""For people, and for whoever has no valid token, by their address."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit: ``remaining`` requests until the window ends in ``resets_in`` seconds."""

    limit: int
    used: int
    resets_in: int

    @property
    def remaining(self) -> int:
        """How many more requests are allowed before the window ends."""
        return max(0, self.limit - self.used)

    @property
    def is_exceeded(self) -> bool:
        """Whether this request is one too many."""
        return self.used > self.limit

    @property
    def headers(self) -> dict[str, str]:
        """The policy, and where this client stands in it."""
        return {
            "RateLimit-Policy": f'"requests";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"requests";r={self.remaining};t={self.resets_in}',
        }


def take(who: str, *, limit: int) -> Allowance:
    """Count one more request of ``who`` in the running minute."""
    key, resets_in = _window(who)
    try:
        used = cache.incr(key)
    except ValueError:
        # Nobody counted yet in this minute. Of two who come here at once, one adds and the other goes on counting.
        used = 1 if cache.add(key, 1, timeout=2 * WINDOW_SECONDS) else cache.incr(key)
    return Allowance(limit=limit, used=used, resets_in=resets_in)


def _window(who: str) -> tuple[str, int]:
    now = int(time.time())
    return f"api-requests:{who}:{now // WINDOW_SECONDS}", WINDOW_SECONDS - now % WINDOW_SECONDS
