"""A second reader of C2PA manifests that shares no code with the library that writes them.

Written from the C2PA specification 2.4: where a manifest store lies in RIFF and behind ID3, JUMBF boxes (ISO 19566-5),
the claim in CBOR, its COSE signature (RFC 9052) with the certificate chain, the hashes of the assertions, and the hash
over the file. It knows the algorithms our files use and refuses everything else.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import cbor2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID

ES256, ALGORITHM, CERTIFICATES = -7, 1, 33
UUID_TAIL = bytes.fromhex("00110010800000aa00389b71")


class Broken(Exception):
    """Something about the manifest does not hold."""


@dataclass(frozen=True)
class Said:
    """What an intact manifest says."""

    claim: dict[str, Any]
    assertions: dict[str, Any]
    signer: x509.Certificate

    @property
    def created(self) -> dict[str, Any]:
        """The one action: how the file came to be."""
        [action] = self.assertions["c2pa.actions.v2"]["actions"]
        return action

    @property
    def metadata(self) -> dict[str, str]:
        return self.assertions["cawg.metadata"]


@dataclass(frozen=True)
class Box:
    """A JUMBF superbox: its kind, its label, its own bytes after the header, and what is in it."""

    kind: bytes
    label: str
    payload: bytes
    content: bytes
    children: tuple[Box, ...]

    def child(self, label: str) -> Box:
        for one in self.children:
            if one.label == label:
                return one
        raise Broken(f"{self.label} has no box {label}")


def validate(data: bytes, *, root: bytes) -> Said:
    """Check every hash and signature of the manifest in ``data`` against the root (PEM). Raises ``Broken``."""
    start, length, store = manifest_store(data)
    [(tree, end)] = [superbox(store, 0)]
    if (tree.kind, tree.label, end) != (b"c2pa", "c2pa", len(store)):
        raise Broken("the store is no C2PA manifest store")
    manifest = tree.children[-1]
    claim_box = manifest.child("c2pa.claim.v2")
    claim = cbor2.loads(claim_box.content)
    signer = check_signature(
        cbor2.loads(manifest.child("c2pa.signature").content), payload=claim_box.content, root=root
    )
    if claim["signature"] != f"self#jumbf=/c2pa/{manifest.label}/c2pa.signature":
        raise Broken("the claim names another signature")
    assertions = {}
    for link in claim["created_assertions"]:
        label = link["url"].removeprefix("self#jumbf=c2pa.assertions/")
        box = manifest.child("c2pa.assertions").child(label)
        if link.get("alg", claim["alg"]) != "sha256" or hashlib.sha256(box.payload).digest() != link["hash"]:
            raise Broken(f"assertion {label} was changed")
        assertions[label] = (json.loads if box.kind == b"json" else cbor2.loads)(box.content)
    if len(assertions) != len(manifest.child("c2pa.assertions").children):
        raise Broken("there are assertions that nobody signed")
    check_binding(data, binding=assertions["c2pa.hash.data"], start=start, length=length)
    return Said(claim=claim, assertions=assertions, signer=signer)


def manifest_store(data: bytes) -> tuple[int, int, bytes]:
    """Return where the bytes lie that the hash leaves out (start, length), and the manifest store."""
    if data.startswith(b"RIFF"):
        at = 12
        while at < len(data):
            name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
            if name == b"C2PA":
                return at, 8 + size, data[at + 8 : at + 8 + size]
            at += 8 + size + size % 2
    elif data.startswith(b"ID3\x04"):
        at, end = 10, 10 + synchsafe(data[6:10])
        while at < end and data[at]:
            name, size = data[at : at + 4], synchsafe(data[at + 4 : at + 8])
            frame = data[at + 10 : at + 10 + size]
            if name == b"GEOB" and frame[1:].startswith(b"application/c2pa\0"):
                _mime, _name, _about, store = frame[1:].split(b"\0", 3)
                return at + 10 + size - len(store), len(store), store
            at += 10 + size
    raise Broken("there is no manifest")


def synchsafe(four: bytes) -> int:
    return sum(byte << shift for byte, shift in zip(four, (21, 14, 7, 0), strict=True))


def superbox(data: bytes, at: int) -> tuple[Box, int]:
    """Read one JUMBF superbox and where it ends."""
    end = at + struct.unpack_from(">I", data, at)[0]
    if data[at + 4 : at + 8] != b"jumb" or end > len(data):
        raise Broken("a box is no JUMBF superbox")
    payload = data[at + 8 : end]
    size = struct.unpack_from(">I", payload)[0]
    description = payload[8:size]
    if payload[4:8] != b"jumd" or description[4:16] != UUID_TAIL:
        raise Broken("a superbox has no description")
    label = description[17:].split(b"\0")[0].decode()
    children, content, inner = [], b"", size
    while inner < len(payload):
        if payload[inner + 4 : inner + 8] == b"jumb":
            child, inner = superbox(payload, inner)
            children.append(child)
        else:
            size = struct.unpack_from(">I", payload, inner)[0]
            content += payload[inner + 8 : inner + size]
            inner += size
    return Box(description[:4], label, payload, content, tuple(children)), end


def check_signature(cose: Any, *, payload: bytes, root: bytes) -> x509.Certificate:
    """Check the COSE signature over ``payload`` and the chain up to ``root``; return the signing certificate."""
    protected, _unprotected, attached, signature = cose.value
    header = cbor2.loads(protected)
    if attached is not None or header[ALGORITHM] != ES256:
        raise Broken("the signature is of a kind that we do not use")
    chain = [x509.load_der_x509_certificate(one) for one in header[CERTIFICATES]]
    anchor = x509.load_pem_x509_certificate(root)
    now = datetime.now(UTC)
    try:
        for certificate, issuer in zip(chain, [*chain[1:], anchor], strict=True):
            certificate.verify_directly_issued_by(issuer)
            if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
                raise Broken("a certificate is not valid today")
        signed = cbor2.dumps(["Signature1", protected, b"", payload])
        halves = (int.from_bytes(half) for half in (signature[:32], signature[32:]))
        chain[0].public_key().verify(encode_dss_signature(*halves), signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError) as error:
        raise Broken("the signature does not fit") from error
    extensions = chain[0].extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    purposes = list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    if not usage.digital_signature or purposes != [ExtendedKeyUsageOID.EMAIL_PROTECTION]:
        raise Broken("the certificate is not for signing")
    return chain[0]


def check_binding(data: bytes, *, binding: dict[str, Any], start: int, length: int) -> None:
    """Check the hash over the file, and that it leaves out the manifest and not a byte more."""
    if binding["exclusions"] != [{"start": start, "length": length}] or binding["alg"] != "sha256":
        raise Broken("the hash leaves out something else than the manifest")
    if hashlib.sha256(data[:start] + data[start + length :]).digest() != binding["hash"]:
        raise Broken("the file was changed")
