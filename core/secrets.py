"""Secrets at rest: AES-256-GCM, bound to the place where each one is stored.

The bound place (`table|column|reseller|row`) is authenticated, so a ciphertext copied to another
tenant or field does not open. Format: `v1.<key id>.<nonce>.<ciphertext>`, base64url.
"""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import InvariantError

_VERSION = "v1"
_NONCE_BYTES = 12


def encrypt(key_ring: dict[str, bytes], place: str, plain: str) -> str:
    """Encrypt with the ring's first key."""
    key_id, key = next(iter(key_ring.items()))
    nonce = os.urandom(_NONCE_BYTES)
    cipher = AESGCM(key).encrypt(nonce, plain.encode(), _bound(key_id, place))
    return ".".join((_VERSION, key_id, _text(nonce), _text(cipher)))


def decrypt(key_ring: dict[str, bytes], place: str, stored: str) -> str:
    """The plain text; raises InvariantError for a wrong place, an unknown key or a changed text."""
    try:
        version, key_id, nonce, cipher = stored.split(".")
        if version != _VERSION:
            raise InvariantError("a secret was stored in an unknown format")
        plain = AESGCM(key_ring[key_id]).decrypt(
            base64.urlsafe_b64decode(nonce),
            base64.urlsafe_b64decode(cipher),
            _bound(key_id, place),
        )
    except (InvalidTag, KeyError, ValueError) as error:
        raise InvariantError("a stored secret cannot be opened") from error
    return plain.decode()


def _bound(key_id: str, place: str) -> bytes:
    return f"{_VERSION}|{key_id}|{place}".encode()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()
