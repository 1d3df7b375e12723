"""What SureTax takes: lengths and signs of each field, checked before anything is sent.

Source: developer.taxrating.net (V07 request layout) and public clients written from it; see
docs/decisions/0043-suretax.md.
"""

import re
from collections.abc import Sequence
from decimal import Decimal

from core.errors import InvalidInputError
from core.money import round_amount

INVOICE_NUMBER_LENGTH = 40
CLIENT_NUMBER_LENGTH = 10
BUSINESS_UNIT_LENGTH = 20
KEY_LENGTH = 36
STAN_LENGTH = 16
TRACKING_LENGTH = 100
REVENUE_PLACES = 4
SALES_TYPES = ("R", "B", "I", "L")
_PLAIN = re.compile(r"[A-Za-z0-9]+")
_ZIP = re.compile(r"(\d{5})(?:-?(\d{4}))?")
_PHONE = re.compile(r"[2-9]\d{2}[2-9]\d{6}")
# $$$$$$$$$.CCCC, and one place less where a minus stands in the first one
_MOST, _LEAST = Decimal(10) ** 9, -(Decimal(10) ** 8)


def check_client_number(text: str) -> str:
    """Raises InvalidInputError at `client_number`."""
    text = text.strip()
    if not text:
        raise InvalidInputError("Enter the client number that SureTax gave you.", "client_number")
    if len(text) > CLIENT_NUMBER_LENGTH or not is_plain(text):
        raise InvalidInputError(
            "At most %(count)s Latin letters and digits.",
            "client_number",
            count=CLIENT_NUMBER_LENGTH,
        )
    return text


def check_validation_key(text: str) -> str:
    """Raises InvalidInputError at `validation_key`."""
    text = text.strip()
    if len(text) > KEY_LENGTH or not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidInputError(
            "At most %(count)s signs, as SureTax wrote them.", "validation_key", count=KEY_LENGTH
        )
    return text


def check_business_unit(text: str) -> str:
    """Empty is none; raises InvalidInputError at `business_unit`."""
    text = text.strip()
    if text and (len(text) > BUSINESS_UNIT_LENGTH or not is_plain(text)):
        raise InvalidInputError(
            "At most %(count)s Latin letters and digits.",
            "business_unit",
            count=BUSINESS_UNIT_LENGTH,
        )
    return text


def check_code(text: str, field: str, *, digits: int) -> str:
    """A code of exactly so many digits; raises InvalidInputError at `field`."""
    text = text.strip()
    if len(text) != digits or not (text.isascii() and text.isdigit()):
        raise InvalidInputError("A code of %(count)s digits.", field, count=digits)
    return text


def check_exemptions(text: str) -> list[str]:
    """Codes of two digits between commas, `00` for none; raises InvalidInputError."""
    codes = [part for part in re.split(r"[\s,;]+", text) if part] or ["00"]
    if any(not re.fullmatch(r"\d{2}", code, re.ASCII) for code in codes) or len(codes) > 20:
        raise InvalidInputError("Codes of two digits with commas between.", "exemptions")
    return list(dict.fromkeys(codes))


def check_sales_type(text: str) -> str:
    """Raises InvalidInputError at `sales_type`."""
    if text not in SALES_TYPES:
        raise InvalidInputError("Choose what kind of customers these are.", "sales_type")
    return text


def split_zip(text: str) -> tuple[str, str]:
    """Five digits and perhaps four more; raises InvalidInputError at `zip_code`."""
    found = _ZIP.fullmatch(text.strip()) if text.isascii() else None
    if found is None:
        raise InvalidInputError(
            "SureTax needs the client's zip code: 5 digits, or 5 and 4 with a dash.", "zip_code"
        )
    return found[1], found[2] or ""


def check_phone_number(text: str) -> str:
    """NPANXXNNNN, or empty; raises InvalidInputError."""
    if text and not (text.isascii() and _PHONE.fullmatch(text)):
        raise InvalidInputError("SureTax takes numbers of 10 digits, as 2125550100.")
    return text


def check_invoice_number(text: str) -> str:
    """Raises InvalidInputError for what SureTax would refuse."""
    if not is_plain(text) or len(text) > INVOICE_NUMBER_LENGTH:
        raise InvalidInputError(
            "SureTax takes invoice numbers of at most %(count)s Latin letters and digits.",
            count=INVOICE_NUMBER_LENGTH,
        )
    return text


def write_revenue(amount: Decimal) -> str:
    """The amount half-up at four places; raises InvalidInputError for one that is too large."""
    kept = round_amount(amount, REVENUE_PLACES)
    if not _LEAST < kept < _MOST:
        raise InvalidInputError("SureTax takes amounts below one thousand million.")
    return f"{kept:f}"


def is_plain(text: str) -> bool:
    """Latin letters and digits only, and at least one."""
    return text.isascii() and _PLAIN.fullmatch(text) is not None


def sum_text(amounts: Sequence[str]) -> str:
    """The sum of amounts as they are written; raises as `write_revenue`."""
    return write_revenue(sum((Decimal(amount) for amount in amounts), Decimal(0)))
