"""No address that a partner gives leads inside: not by name, not by number, not by a second answer of the DNS."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_django import Settings

from accounts.webhooks import addresses, sending
from accounts.webhooks.addresses import UnsafeAddress, check, is_public, parse
from accounts.webhooks.sending import NotSent, post
from tests.accounts.webhooks import Receiver, a_receiver

PUBLIC = "93.184.215.14"


def answers(monkeypatch: pytest.MonkeyPatch, *turns: list[str]) -> list[str]:
    """Let the DNS say something else each time it is asked, the last for ever; return who was asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolver(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        with suppress(ValueError):
            ipaddress.ip_address(host)
            return real(host, port, *arguments, **options)
        if host == "localhost":
            return real(host, port, *arguments, **options)
        found = turns[min(len(asked), len(turns) - 1)]
        asked.append(host)
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return asked


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as one:
        yield one


@pytest.mark.parametrize(
    "url",
    [
        "http://partner.example/", "ftp://partner.example/", "//partner.example/", "partner.example", "",
        "https://", "https:///path", "javascript:alert(1)", "file:///etc/passwd", "gopher://partner.example/",
        # who logs in
        "https://user@partner.example/", "https://user:secret@partner.example/", "https://@partner.example/",
        "https://public.example@127.0.0.1/",
        # ports
        "https://partner.example:22/", "https://partner.example:25/", "https://partner.example:80/",
        "https://partner.example:1023/", "https://partner.example:0/", "https://partner.example:65536/",
        "https://partner.example:x/",
        # numbers in every spelling
        "https://127.0.0.1/", "https://10.0.0.8/", "https://93.184.215.14/", "https://[::1]/",
        "https://[::ffff:127.0.0.1]/", "https://[fe80::1%25eth0]/", "https://2130706433/", "https://0x7f000001/",
        "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://017700000001/", "https://127.1/", "https://0/",
        "https://127.0.0.1./", "https://partner.0x7f/",
        # names that are none
        "https://localhost/", "https://localhost:8443/", "https://partner/", "https://partner..example/",
        "https://-partner.example/", "https://partner_.exa mple/", "https://pärtner.example/",
        "https://ⓔxample.com/", "https://127。0。0。1/",
        # tricks of the spelling
        "https://partner.example\\@127.0.0.1/", "https://partner.example/\r\nHost: inside", "https://partner.example/#x",
        "https://partner.example/\x00", "https://partner.example/" + "x" * 500,
    ],
)  # fmt: skip
def test_an_address_of_the_wrong_kind_is_refused_without_asking_anybody(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answers(monkeypatch, [PUBLIC])
    with pytest.raises(UnsafeAddress):
        check(url)
    assert asked == []


@pytest.mark.parametrize(
    "url", ["https://partner.example", "https://partner.example:8443/a?b=c", "https://Partner.Example./x"]
)
def test_a_public_address_is_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, [PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
    check(url)
    assert parse(url).host == "partner.example"


INSIDE = {
    "loopback": ["127.0.0.1", "127.9.9.9", "::1"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1", "fec0::1"],
    "link-local": ["169.254.0.1", "fe80::1"],
    "metadata": ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"],
    "CGNAT": ["100.64.0.1", "100.127.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "broadcast and reserved": ["255.255.255.255", "240.0.0.1"],
    "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:93.184.215.14"],
    "IPv4-compatible": ["::7f00:1"],
    "IPv4-translated": ["::ffff:0:7f00:1"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1"],
    "6to4": ["2002:7f00:1::", "192.88.99.1"],
    "Teredo": ["2001::1"],
    "benchmarks and documentation": ["198.18.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "address"), [(kind, one) for kind, several in INSIDE.items() for one in several]
)
def test_a_name_that_leads_inside_is_refused_when_given_and_when_called(
    kind: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, [PUBLIC, address])
    tried = connections(monkeypatch)
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(UnsafeAddress, match=r"partner\.example does not lead to a public address"):
        check("https://partner.example/")
    with pytest.raises(NotSent, match="public"):
        post("https://partner.example/", body=b"{}", headers={})
    assert tried == []


def connections(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Write down where a connection is opened to, and refuse it."""
    tried: list[tuple[str, int]] = []

    def refuse(where: tuple[str, int], **_options: Any) -> socket.socket:
        tried.append(where)
        raise ConnectionRefusedError("a test connects nowhere")

    monkeypatch.setattr(socket, "create_connection", refuse)
    return tried


def test_a_name_nobody_knows_is_refused_when_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: Any, **_options: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UnsafeAddress, match="not known"):
        check("https://partner.example/")


def test_localhost_is_told_only_where_development_allows_it(settings: Settings, receiver: Receiver) -> None:
    with pytest.raises(UnsafeAddress):
        check(receiver.url)
    settings.WEBHOOKS_TO_LOCALHOST = True
    check(receiver.url)
    for url in ("http://127.0.0.1:8000/", "http://partner.example/", "https://10.0.0.1/"):
        with pytest.raises(UnsafeAddress):
            check(url)


# The DNS that answers otherwise the second time


def naive_post(url: str) -> None:
    """Check the name, then call it by name: what must not be done."""
    check(url)
    urllib.request.urlopen(urllib.request.Request(url.replace("https:", "http:"), data=b"{}"), timeout=5)


def test_control_checking_and_calling_by_name_is_led_inside(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this did not arrive, the test below would prove nothing."""
    asked = answers(monkeypatch, [PUBLIC], ["127.0.0.1"])
    naive_post(f"https://rebinding.example:{receiver.port}/hook")
    assert len(asked) == 2
    assert len(receiver.told) == 1


def test_the_checked_address_is_the_one_that_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answers(monkeypatch, [PUBLIC], ["127.0.0.1"])
    tried = connections(monkeypatch)
    with pytest.raises(NotSent, match="ConnectionRefusedError"):
        post(f"https://rebinding.example:{receiver.port}/hook", body=b"{}", headers={})
    assert asked == ["rebinding.example"]
    assert tried == [(PUBLIC, receiver.port)]
    assert receiver.told == []


# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for partner.example that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "partner.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("partner.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "partner.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls_server(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """An https server on the loopback, which counts as public in these tests; yields its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _peer = listener.accept()
                with suppress(OSError), context.wrap_socket(plain, server_side=True) as wrapped:
                    heard = b""
                    while not heard.endswith(b"{}"):
                        heard += wrapped.recv(65536)
                    wrapped.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    threading.Thread(target=serve, daemon=True).start()
    monkeypatch.setattr(addresses, "is_public", lambda _address: True)
    answers(monkeypatch, ["127.0.0.1"])
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_tls_is_verified_against_the_name_and_not_the_address(
    tls_server: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
        post(f"https://partner.example:{tls_server}/", body=b"{}", headers={})
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert post(f"https://partner.example:{tls_server}/", body=b"{}", headers={}).status == 204
    with pytest.raises(NotSent, match="Hostname mismatch"):
        post(f"https://other.example:{tls_server}/", body=b"{}", headers={})


# What a server may do to us


def local(receiver: Receiver, settings: Settings) -> str:
    settings.WEBHOOKS_TO_LOCALHOST = True
    return receiver.url


def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver, settings: Settings) -> None:
    with a_receiver() as inside:
        receiver.status, receiver.headers = 302, {"Location": inside.url}
        assert post(local(receiver, settings), body=b"{}", headers={}).status == 302
        assert inside.told == []


def test_of_an_endless_answer_four_kibibytes_are_read(settings: Settings) -> None:
    sent: list[int] = []

    def endless(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            for _ in range(10_000):
                handler.wfile.write(b"x" * 65536)
                sent.append(65536)

    with a_receiver(serve=endless) as receiver:
        answer = post(local(receiver, settings), body=b"{}", headers={})
    assert (answer.status, len(answer.text)) == (200, 4096)
    assert sum(sent) < 100 * 65536


def test_an_endless_head_ends(settings: Settings) -> None:
    def endless(handler: Any) -> None:
        with suppress(OSError):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for number in range(100_000):
                handler.wfile.write(b"X-%d: %s\r\n" % (number, b"x" * 1000))

    with a_receiver(serve=endless) as receiver, pytest.raises(NotSent):
        post(local(receiver, settings), body=b"{}", headers={})


def test_a_server_that_trickles_wins_no_time(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TAKES_AT_MOST", 0.5)
    stop = threading.Event()

    def trickle(handler: Any) -> None:
        with suppress(OSError):
            for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 500:
                handler.wfile.write(bytes([byte]))
                if stop.wait(0.1):
                    return

    with a_receiver(serve=trickle) as receiver:
        began = time.monotonic()
        with pytest.raises(NotSent, match="time"):
            post(local(receiver, settings), body=b"{}", headers={})
        took = time.monotonic() - began
        stop.set()
    assert took < 5, "far from the fifty seconds the whole head would take"


def test_a_slow_dns_wins_no_time_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TAKES_AT_MOST", 0.2)
    stop = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_o: stop.wait(20) and [])
    with pytest.raises(NotSent, match="not looked up in time"):
        post("https://partner.example/", body=b"{}", headers={})
    stop.set()
