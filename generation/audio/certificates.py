"""The pair that signs where our files come from: a chain of X.509 certificates and the private key of its first.

What such certificates must contain is said in the C2PA specification under "X.509 Certificates".
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from generation.audio.errors import CredentialsUnusable

LIFETIME = datetime.timedelta(days=20 * 365)
"""Our files carry no time stamp from outside, so they read as valid only as long as their certificate is."""

LARGEST_SKEW = datetime.timedelta(hours=1)
ALGORITHMS = {"secp256r1": "es256", "secp384r1": "es384"}
"""Names of the signature in C2PA by the curve of the key."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """``chain`` in PEM, the signing certificate first, its root last; ``key`` in PEM (PKCS #8) without password."""

    chain: bytes
    key: bytes = field(repr=False)


def make_credentials(*, organisation: str) -> Credentials:
    """Make a root of one's own and a signing certificate under it, both on the curve P-256.

    The root's key is forgotten: nothing else can ever be signed under this root.
    """
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, name = (
        x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
                x509.NameAttribute(NameOID.COMMON_NAME, f"{organisation} {use}"),
            ]
        )
        for use in ("root", "content credentials")
    )
    root = (
        _begun(subject=root_name, issuer=root_name, key=root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _begun(subject=name, issuer=root_name, key=key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
        )
        .sign(root_key, hashes.SHA256())
    )
    return Credentials(
        chain=b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (leaf, root)),
        key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def expiry_of(credentials: Credentials) -> datetime.datetime:
    """Check that key and chain belong together and are valid today; return when the first of the chain runs out.

    Raises ``CredentialsUnusable`` with what is wrong and what to do.
    """
    chain = certificates_of(credentials.chain)
    if _private_key(credentials).public_key() != chain[0].public_key():
        raise CredentialsUnusable(
            "the C2PA key is not that of the first certificate; put the signing certificate first in the chain"
        )
    for certificate, issuer in pairwise(chain):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            raise CredentialsUnusable(
                f"in the C2PA chain {certificate.subject.rfc4514_string()} is not signed by the next certificate; "
                "put them in order, from the signing one to its root"
            ) from None
    now = datetime.datetime.now(datetime.UTC)
    start = max(one.not_valid_before_utc for one in chain)
    end = min(one.not_valid_after_utc for one in chain)
    if not start <= now < end:
        raise CredentialsUnusable(
            f"the C2PA certificates are valid from {start:%Y-%m-%d} to {end:%Y-%m-%d}, not today; renew them"
        )
    return end


def certificates_of(chain: bytes) -> list[x509.Certificate]:
    """Parse a PEM chain; raises ``CredentialsUnusable`` if it holds no certificates."""
    try:
        return x509.load_pem_x509_certificates(chain)
    except ValueError as error:
        raise CredentialsUnusable(f"the C2PA chain cannot be read as PEM certificates: {error}") from error


def root_of(chain: bytes) -> bytes:
    """Return the last certificate of a PEM chain, as PEM."""
    return certificates_of(chain)[-1].public_bytes(serialization.Encoding.PEM)


def organisation_of(chain: bytes) -> str:
    """Return the organisation that the first certificate of a PEM chain names; empty if it names none."""
    names = certificates_of(chain)[0].subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(names[0].value) if names else ""


def algorithm_of(credentials: Credentials) -> str:
    """Return the name of the signature this key makes, as C2PA spells it. Raises ``CredentialsUnusable``."""
    key = _private_key(credentials)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in ALGORITHMS:
        return ALGORITHMS[key.curve.name]
    raise CredentialsUnusable(
        "the C2PA key is of a kind we do not sign with; use one on the curve P-256 or P-384, or Ed25519"
    )


def _private_key(credentials: Credentials) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(credentials.key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CredentialsUnusable(
            f"the C2PA key cannot be read as PEM without a password: {error}"
        ) from error


def _begun(
    *, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LARGEST_SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*allowed: str) -> x509.KeyUsage:
    every = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: name in allowed for name in every})
