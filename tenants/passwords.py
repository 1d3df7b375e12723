"""Passwords: argon2id (RFC 9106), and what a good one is."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.errors import InvalidInputError

MIN_LENGTH = 12
MAX_LENGTH = 128

# OWASP's 19 MiB profile: 29 ms here, so that sign-ins of many people do not exhaust memory
TIME_COST, MEMORY_COST_KIB = 2, 19_456
_hasher = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_COST_KIB, parallelism=1)
_at_once = threading.BoundedSemaphore(8)
_NOBODY = _hasher.hash("nobody has this password")

_COMMON = frozenset(
    {
        "password1234", "passwordpassword", "123456789012", "1234567890123", "qwertyuiop12",
        "qwertyqwerty", "letmeinletmein", "adminadminadmin", "iloveyouiloveyou", "aaaaaaaaaaaa",
        "111111111111", "000000000000", "abcdefghijkl", "welcome12345", "changeme1234",
        "administrator", "password12345", "qwerty123456", "1q2w3e4r5t6y", "telecom12345",
    }
)  # fmt: skip


def hash_password(password: str) -> str:
    with _at_once:
        return _hasher.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """False for a wrong password; an account without one takes the same time."""
    with _at_once:
        try:
            return _hasher.verify(stored or _NOBODY, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def needs_rehash(stored: str) -> bool:
    return _hasher.check_needs_rehash(stored)


def check_strength(
    password: str, *, context: tuple[str, ...] = (), field: str = "password"
) -> None:
    """Length, no common password, none made of the person's own words.

    Raises InvalidInputError that says what to change.
    """
    if len(password) < MIN_LENGTH:
        raise InvalidInputError("Use at least %(count)s characters.", field, count=MIN_LENGTH)
    if len(password) > MAX_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", field, count=MAX_LENGTH)
    lowered = password.casefold()
    if lowered in _COMMON or len(set(lowered)) < 5:
        raise InvalidInputError("This password is too common.", field)
    whole = [text.casefold().strip() for text in context]
    parts = [word for text in whole for word in text.replace("@", " ").split()]
    words = {word for word in (*whole, *parts) if len(word) > 3}
    if any(word in lowered and len(lowered) - len(word) < 6 for word in words):
        raise InvalidInputError("Do not use your name or address as a password.", field)
