"""PINs of vouchers: made from the system's random source, kept only as keyed hashes.

The key is not in the database (CREDENTIAL_KEYS): whoever steals a copy of it can try no PIN. A hash
is bound to its reseller. A key of the ring must stay as long as vouchers made with it may be
redeemed; a PIN that is typed is looked for under every key.
"""

import hashlib
import hmac
import json
import secrets
import unicodedata
from collections.abc import Sequence

from core import secrets as sealed
from core.config import Settings
from core.errors import InvalidInputError, InvariantError
from core.logs import contains_card_number

LENGTHS = range(10, 21)
DEFAULT_LENGTH = 14
_GUESSES = 10**8
"""PINs that somebody would have to try, on average and at least, to find one voucher."""
_GROUP = 4
_BETWEEN = {" ", "-", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", ".", "/", "\t"}

_rings: list[dict[str, bytes]] = []


def configure(settings: Settings) -> None:
    """Say which keys hash. Once per process."""
    _rings[:] = [settings.credential_key_ring]


def check_length(length: int, quantity: int, *, live: int = 0) -> None:
    """Raises InvalidInputError where so many PINs of this length could be guessed.

    `live`: vouchers that can be found by such a PIN already.
    """
    if length not in LENGTHS:
        raise InvalidInputError(
            "A PIN has %(first)s to %(last)s digits.",
            "pin_length",
            first=LENGTHS[0],
            last=LENGTHS[-1],
        )
    most = max(0, 10**length // _GUESSES - live)
    if quantity > most:
        raise InvalidInputError(
            "With PINs of %(length)s digits make at most %(count)s vouchers: more could be guessed."
            " Choose longer PINs.",
            "pin_length",
            length=length,
            count=most,
        )


def new_pin(length: int) -> str:
    """Random digits that nobody can take for the number of a payment card."""
    while True:
        pin = f"{secrets.randbelow(10**length):0{length}d}"
        if not (contains_card_number(pin) or contains_card_number(grouped(pin))):
            return pin


def grouped(pin: str) -> str:
    """As it is printed: 1234 5678 9012 34."""
    return " ".join(pin[start : start + _GROUP] for start in range(0, len(pin), _GROUP))


def read_pin(typed: str) -> str:
    """The digits of what somebody typed, with any spaces and dashes; raises InvalidInputError."""
    plain = unicodedata.normalize("NFKC", typed.strip()[:200])
    digits = "".join(one for one in plain if one not in _BETWEEN)
    if not digits:
        raise InvalidInputError("Enter the PIN of the voucher.", "pin")
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidInputError("A PIN has digits only. Spaces and dashes do not matter.", "pin")
    if len(digits) not in LENGTHS:
        raise InvalidInputError(
            "A PIN has %(first)s to %(last)s digits; these are %(count)s.",
            "pin",
            first=LENGTHS[0],
            last=LENGTHS[-1],
            count=len(digits),
        )
    return digits


def first_key_id() -> str:
    """The key that new series are hashed with."""
    return next(iter(_ring()))


def hash_pin(reseller_id: int, pin: str, *, key_id: str) -> str:
    """What a voucher keeps of its PIN; raises InvariantError for a key that is gone."""
    key = _ring().get(key_id)
    if key is None:
        raise InvariantError("the key of these vouchers is no longer among CREDENTIAL_KEYS")
    return _hash(key, reseller_id, pin)


def possible_hashes(reseller_id: int, pin: str) -> list[str]:
    """What a voucher with this PIN may have kept, under each key of the ring."""
    return [_hash(key, reseller_id, pin) for key in _ring().values()]


def seal_sheet(place: str, pins: Sequence[str]) -> str:
    """PINs, encrypted and bound to `place`, until they are taken out."""
    return sealed.encrypt(_ring(), place, json.dumps(list(pins)))


def open_sheet(place: str, text: str) -> list[str]:
    """Raises InvariantError for another place or a key that is gone."""
    pins: list[str] = json.loads(sealed.decrypt(_ring(), place, text))
    return pins


def _hash(key: bytes, reseller_id: int, pin: str) -> str:
    own = hmac.digest(key, b"voucher pins v1", "sha256")
    return hmac.new(own, f"{reseller_id}|{pin}".encode(), hashlib.sha256).hexdigest()


def _ring() -> dict[str, bytes]:
    if not _rings:
        raise InvariantError("nobody has said which keys hash PINs")
    return _rings[0]
