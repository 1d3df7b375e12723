"""One row of a bank statement or a list of opening balances, read as its columns were matched."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from billing.balance_report import FIRST_DAY, LAST_DAY
from core.errors import InvalidInputError
from core.money import parse_amount
from core.names import clean_line

DateOrder = Literal["ymd", "dmy", "mdy"]
DATE_ORDERS: tuple[DateOrder, ...] = ("ymd", "dmy", "mdy")
PAYMENT_FIELDS = (
    "date", "amount", "currency", "text", "payer", "payer_account", "client", "reference",
)  # fmt: skip
OPENING_FIELDS = ("client_id", "client", "amount", "currency", "date", "text")
_DAY = re.compile(r"(\d{1,4})\D{1,3}(\d{1,2})\D{1,3}(\d{1,4})(?:[T\s].*)?")
_PACKED = re.compile(r"(\d{4})(\d{2})(\d{2})")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file is to be taken. `fields` names a key for each column, empty: not taken.

    Days begin at the midnight of `timezone`; `payment_account_id` is where the money arrived.
    """

    fields: tuple[str, ...]
    date_order: DateOrder
    locale: str
    timezone: str
    payment_account_id: int | None = None

    def to_params(self) -> dict[str, Any]:
        return {
            "fields": list(self.fields),
            "date_order": self.date_order,
            "locale": self.locale,
            "timezone": self.timezone,
            "payment_account_id": self.payment_account_id,
        }


def plan_of(params: Mapping[str, Any]) -> Plan:
    """The plan that `to_params` made these of."""
    return Plan(**{**params, "fields": tuple(params["fields"])})


def check_plan(plan: Plan, *, known: tuple[str, ...], needed: tuple[str, ...]) -> None:
    """Raises InvalidInputError for a matching that cannot work."""
    taken = [key for key in plan.fields if key]
    if len(taken) != len(set(taken)):
        raise InvalidInputError("Two columns are matched with the same field.", "fields")
    if set(taken) - set(known):
        raise InvalidInputError("Choose the columns again.", "fields")
    if set(needed) - set(taken):
        raise InvalidInputError("Match the columns of the day and of the amount.", "fields")
    if plan.date_order not in DATE_ORDERS:
        raise InvalidInputError("Choose how days are written.", "date_order")


def read_day(text: str, order: DateOrder) -> date:
    """A day as banks write it, with any marks between; raises InvalidInputError."""
    found = _DAY.fullmatch(text.strip()) or _PACKED.fullmatch(text.strip())
    if found is None:
        raise InvalidInputError("This is no day: %(said)s", "date", said=text[:40])
    parts = [int(one) for one in found.groups()]
    # a year of four digits in front is never a day
    if len(found.group(1)) == 4:
        order = "ymd"
    year, month, day = (parts[order.index(letter)] for letter in "ymd")
    if year < 100:
        year += 2000
    try:
        made = date(year, month, day)
    except ValueError:
        raise InvalidInputError("This is no day: %(said)s", "date", said=text[:40]) from None
    if not FIRST_DAY <= made <= LAST_DAY:
        raise InvalidInputError("This is no day: %(said)s", "date", said=text[:40])
    return made


def read_amount(text: str, locale: str) -> Decimal:
    """The amount of a cell, with or without a sign of plus; raises InvalidInputError."""
    clean = text.strip().removeprefix("+").strip()
    if not clean:
        raise InvalidInputError("The amount is missing.", "amount")
    return parse_amount(clean, locale)


def line_hash(values: Mapping[str, str], payment_account_id: int, ordinal: int) -> str:
    """What makes a line of a statement this one and no other.

    `ordinal` counts the lines before it in its file that say exactly the same: two equal payments
    of a day stay two, and the same file brought again is the same lines.
    """
    said = [clean_line(values.get(key, "")) for key in PAYMENT_FIELDS if key != "client"]
    joined = "\x1f".join([str(payment_account_id), *said, str(ordinal)])
    return hashlib.sha256(joined.encode()).hexdigest()
