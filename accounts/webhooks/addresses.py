"""Which addresses a partner may have us call: public ones, by https. Checked when given and again at every delivery."""

from __future__ import annotations

import ipaddress
import queue
import re
import socket
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

LONGEST = 500
HTTPS, FIRST_FREE_PORT, LAST_PORT = 443, 1024, 65535
RESOLVED_WITHIN = 5.0
"""Seconds a name may take when an address is given."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What ``is_global`` takes for public, or took in some Python, though it leads inside: the wrappings of IPv4 in IPv6.
REFUSED = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
        "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23",
        "2002::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
]  # fmt: skip
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label like this makes C libraries read the whole as an IPv4 address: 2130706433, 0x7f.1, 0177.1."""
LOCALHOST = "localhost"


class UnsafeAddress(Exception):
    """An address we do not call; ``message`` says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed address; ``path`` is what stands in the request line."""

    host: str
    port: int
    path: str
    is_https: bool

    @property
    def authority(self) -> str:
        """What stands in the ``Host`` header."""
        usual = HTTPS if self.is_https else 80
        return self.host if self.port == usual else f"{self.host}:{self.port}"


def parse(url: str) -> Target:
    """Take an address apart without asking anybody. Raises ``UnsafeAddress``."""
    if len(url) > LONGEST or not re.fullmatch(r"[!-\[\]-~]+", url):
        raise UnsafeAddress(
            _("Give an address of at most 500 ASCII characters, without spaces and backslashes.")
        )
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError as error:
        raise UnsafeAddress(_("This is not an address: %(error)s.") % {"error": error}) from error
    is_local = settings.WEBHOOKS_TO_LOCALHOST and host == LOCALHOST
    if parts.scheme != "https" and not (is_local and parts.scheme == "http"):
        raise UnsafeAddress(_("Give an address that starts with https://."))
    if "@" in parts.netloc:
        raise UnsafeAddress(_("Give an address without a user name or password."))
    if parts.fragment:
        raise UnsafeAddress(_("Give an address without a fragment (#…)."))
    is_https = parts.scheme == "https"
    port = (HTTPS if is_https else 80) if port is None else port
    if port != HTTPS and not FIRST_FREE_PORT <= port <= LAST_PORT and not is_local:
        raise UnsafeAddress(_("Port %(port)s is refused: use 443, or 1024 and above.") % {"port": port})
    if not is_local:
        _check_name(host)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host=host, port=port, path=path, is_https=is_https)


def resolve(target: Target, *, seconds: float = RESOLVED_WITHIN) -> list[Address]:
    """Look a name up once and return its addresses, all of them public. Raises ``UnsafeAddress``, ``OSError``.

    Whoever connects has to connect to one of these: a second look might be answered otherwise.
    """
    found = _looked_up(target, seconds=seconds)
    is_local = settings.WEBHOOKS_TO_LOCALHOST and target.host == LOCALHOST
    for address in found:
        if not is_public(address) and not (is_local and address.is_loopback):
            # Which inner address a name leads to is not told.
            raise UnsafeAddress(_("%(host)s does not lead to a public address.") % {"host": target.host})
    return found


def check(url: str) -> None:
    """Raise ``UnsafeAddress`` unless an address may be called, and its name is known."""
    target = parse(url)
    try:
        resolve(target)
    except OSError as error:
        raise UnsafeAddress(_("%(host)s is not known to the DNS.") % {"host": target.host}) from error


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet."""
    inside = any(address in network for network in REFUSED if network.version == address.version)
    return address.is_global and not inside and getattr(address, "scope_id", None) is None


def _check_name(host: str) -> None:
    labels = host.split(".")
    if ":" in host or NUMBER.fullmatch(labels[-1]):
        raise UnsafeAddress(_("Give a host name, not an IP address."))
    if len(host) > 253 or len(labels) < 2 or not all(LABEL.fullmatch(label) for label in labels):
        raise UnsafeAddress(_("“%(host)s” is not the full name of a host.") % {"host": host[:80]})


def _looked_up(target: Target, *, seconds: float) -> list[Address]:
    """Ask the resolver, which knows no time limit, in a thread that is left behind when it takes too long."""
    answers: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            answers.put([ipaddress.ip_address(row[4][0]) for row in rows])
        except (OSError, ValueError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="webhook-dns", daemon=True).start()
    try:
        answer = answers.get(timeout=max(0.0, seconds))
    except queue.Empty:
        raise TimeoutError(f"{target.host} was not looked up in time") from None
    if isinstance(answer, Exception):
        raise OSError(f"{target.host} cannot be looked up: {answer}") from answer
    return list(dict.fromkeys(answer))
