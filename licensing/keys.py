"""The Ed25519 keys that certificates are signed with.

``SIGNING_KEYS_DIR`` holds private keys as ``live-<name>.pem`` and ``test-<name>.pem``, and the public halves of retired
ones as ``.pub``. The last private key of a purpose, by name, signs; all of them verify. A test key is made where it is
missing, a live key only by ``manage.py make_signing_key``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from licensing.errors import SigningKeyMissing

Purpose = Literal["live", "test"]
SHIPPED_KEYS = Path(__file__).parent / "public_keys.json"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the id that goes on what it signs."""

    key_id: str
    private: Ed25519PrivateKey

    def sign(self, message: bytes) -> str:
        """Return the signature of ``message`` in base64."""
        return base64.b64encode(self.private.sign(message)).decode()


def purpose_of(*, is_test: bool) -> Purpose:
    """Return which kind of key signs: tests never with a live one."""
    return "test" if is_test else "live"


def signing_key(purpose: Purpose) -> SigningKey:
    """Return the key that signs now. Raises ``SigningKeyMissing`` when there is no live key."""
    paths = sorted(settings.SIGNING_KEYS_DIR.glob(f"{purpose}-*.pem"))
    if not paths:
        if purpose == "live":
            message = f"No live-*.pem in {settings.SIGNING_KEYS_DIR}; run manage.py make_signing_key."
            raise SigningKeyMissing(message)
        make_key(purpose, name="own")
        return signing_key(purpose)
    private = serialization.load_pem_private_key(paths[-1].read_bytes(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise SigningKeyMissing(f"{paths[-1].name} is not an Ed25519 key.")
    return SigningKey(key_id=key_id_of(private.public_key(), purpose=purpose), private=private)


def make_key(purpose: Purpose, *, name: str) -> Path:
    """Write a new private key, readable by its owner only; a key of that name is never overwritten."""
    folder = settings.SIGNING_KEYS_DIR
    folder.mkdir(parents=True, exist_ok=True)
    path: Path = folder / f"{purpose}-{name}.pem"
    text = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    temporary = folder / f".{secrets.token_hex(8)}"
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
    try:
        # A link fails where a rename would overwrite: of two processes, the first one's key stays.
        path.hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    return path


def public_keys() -> dict[str, str]:
    """Return every public key by its id, raw in base64: our own, retired ones, and those that ship."""
    keys = read_public_keys(SHIPPED_KEYS)
    if settings.SIGNING_KEYS_DIR.is_dir():
        for path in sorted(settings.SIGNING_KEYS_DIR.iterdir()):
            purpose: Purpose = "test" if path.name.startswith("test-") else "live"
            if path.suffix == ".pem":
                loaded = serialization.load_pem_private_key(path.read_bytes(), password=None).public_key()
            elif path.suffix == ".pub":
                loaded = serialization.load_pem_public_key(path.read_bytes())
            else:
                continue
            if isinstance(loaded, Ed25519PublicKey):
                keys[key_id_of(loaded, purpose=purpose)] = base64.b64encode(
                    loaded.public_bytes_raw()
                ).decode()
    return keys


def signing_now() -> dict[str, str]:
    """Return the id of the key that signs for each purpose which has one; none is made."""
    purposes: tuple[Purpose, ...] = ("live", "test")
    return {
        purpose: signing_key(purpose).key_id
        for purpose in purposes
        if any(settings.SIGNING_KEYS_DIR.glob(f"{purpose}-*.pem"))
    }


def read_public_keys(path: Path) -> dict[str, str]:
    """Read a file as the page of public keys gives it: ``{"keys": {id: base64}}``. Raises ``ValueError``."""
    try:
        keys = json.loads(path.read_text(encoding="utf-8"))["keys"]
        return {str(name): str(value) for name, value in keys.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a file of public keys.") from error


def is_signed_by(*, message: bytes, signature: str, public_key: str) -> bool:
    """Say whether a base64 signature of ``message`` was made with the private half of a base64 public key."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_id_of(public: Ed25519PublicKey, *, purpose: Purpose) -> str:
    """Return ``live-`` or ``test-`` and the first sixteen hexadecimal digits of the key's SHA-256."""
    return f"{purpose}-{hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]}"
