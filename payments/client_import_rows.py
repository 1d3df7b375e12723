"""A row of a file as a client: cells read by their column's kind, mistakes told at their cell."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing import client_billing, low_balance
from core.errors import InvalidInputError
from core.logs import contains_card_number
from core.money import parse_amount
from core.tax_ids import check_tax_id
from payments import auto_payment
from payments.client_wholes import Whole
from tenants import client_blocks, clients

Values = Mapping[str, str]
"""The cells of a row by the key of the field, as the file has them."""

_YES = frozenset({"yes", "y", "true", "1", "on", "x", "ja", "wahr", "да", "oui", "sí", "si"})
_NO = frozenset({"no", "n", "false", "0", "off", "nein", "falsch", "нет", "non"})
_DOTTED_DAY = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_STATUSES = {
    "active": "active", "aktiv": "active", "stop": "stop", "stopped": "stop",
    "gestoppt": "stop", "deleted": "deleted", "gelöscht": "deleted",
}  # fmt: skip
_ROLES = {
    "orig": (True, False), "originator": (True, False),
    "term": (False, True), "terminator": (False, True),
    "both": (True, True), "orig/term": (True, True), "orig-term": (True, True),
    "orig_term": (True, True),
}  # fmt: skip

CAN_BE_EMPTIED = frozenset(
    {
        "tags", "terms", "tax_profile", "notify_client", "notify_admin", "threshold",
        "low_capacity", "invoice_template", "day_cap", "month_cap", "company", "main_email",
        "noc_email", "billing_email", "rates_email", "address", "zip_code", "tax_id", "reg_id",
        "account_details", "locale",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in which column: a constant sentence with its values."""

    field: str
    text: str
    values: Mapping[str, object] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Names:
    """Rows of the scope by their names in small letters; those of a reseller by its id too."""

    resellers: Mapping[str, int]
    terms: Mapping[tuple[int, str], int]
    taxes: Mapping[tuple[int, str], int]
    invoice_templates: Mapping[tuple[int, str], int]


@dataclass(frozen=True, slots=True)
class Reading:
    """How the cells are to be read."""

    names: Names
    locale: str
    empties_clear: bool = False


@dataclass(slots=True)
class Read:
    """The client that the row asks for, with what is wrong with it."""

    whole: Whole
    mistakes: list[Mistake]


def read_row(values: Values, base: Whole, reading: Reading) -> Read:
    """`base` with what the row says put in, checked as the form checks it.

    An empty cell leaves its field as it is, unless the reading says that it clears it.
    """
    mistakes: list[Mistake] = []
    said: dict[str, Any] = {}
    for key, text in values.items():
        reader = _READERS.get(key)
        if reader is None or (not text and not _clears(key, reading)):
            continue
        if contains_card_number(text):
            mistakes.append(Mistake(key, "This looks like a card number: no file may bring one."))
            continue
        try:
            said[key] = reader(text, base.reseller_id, reading) if text else None
        except InvalidInputError as error:
            mistakes.append(Mistake(key, error.text, error.values))
    whole = _checked(_put_in(base, said), base, mistakes)
    return Read(whole, mistakes)


def _clears(key: str, reading: Reading) -> bool:
    return reading.empties_clear and key in CAN_BE_EMPTIED


def _put_in(base: Whole, said: Mapping[str, Any]) -> Whole:
    general: dict[str, Any] = {
        name: said[name] for name in ("name", "currency", "timezone", "status") if name in said
    }
    if "role" in said:
        general["is_originator"], general["is_terminator"] = said["role"]
    return replace(
        base,
        general=replace(base.general, **general),
        tags=_kept(base.tags, said["tags"] or ()) if "tags" in said else base.tags,
        billing=replace(base.billing, **_named(said, _BILLING)),
        low=replace(base.low, **_named(said, _LOW)),
        auto=replace(base.auto, **_named(said, _AUTO)),
        company=replace(base.company, **_named(said, _COMPANY, empty="")),
        panel=replace(base.panel, **_named(said, _PANEL, empty="")),
    )


def _kept(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """`after`; a name that differs in its capitals only is the same tag."""
    known = {name.lower(): name for name in before}
    return tuple(sorted(known.get(name.lower(), name) for name in after))


def _named(said: Mapping[str, Any], names: Mapping[str, str], *, empty: Any = None) -> Any:  # noqa: ANN401
    return {
        name: empty if said[key] is None else said[key]
        for key, name in names.items()
        if key in said
    }


def _checked(whole: Whole, base: Whole, mistakes: list[Mistake]) -> Whole:
    """`whole` as its blocks keep it; what they refuse is told at the column it belongs to."""
    known = {one.field for one in mistakes}
    clean: dict[str, Any] = {}

    def attempt(check: Callable[[], object], block: str = "") -> None:
        try:
            found = check()
        except InvalidInputError as error:
            key = _KEY_OF.get(error.field or "", error.field or "name")
            # a cell that could not be read is told once
            if key not in known:
                known.add(key)
                mistakes.append(Mistake(key, error.text, error.values))
            return
        if block:
            clean[block] = found

    attempt(lambda: clients.checked_general(whole.general), "general")
    attempt(lambda: client_blocks.checked_company(whole.company), "company")
    attempt(lambda: _check_tax_id(whole, base))
    attempt(lambda: client_billing.checked_credit(whole.billing.credit))
    attempt(lambda: _check_invoicing(whole, base))
    attempt(lambda: low_balance.check(whole.low))
    attempt(lambda: auto_payment.check(whole.auto, whole.general.currency))
    attempt(lambda: _check_panel(whole, base))
    return replace(whole, **clean)


def _check_invoicing(whole: Whole, base: Whole) -> None:
    billing, last_on = whole.billing, whole.billing.last_invoiced_on
    if billing.autoinvoicing and billing.payment_terms_id is None:
        raise InvalidInputError("Autoinvoicing needs payment terms.", "payment_terms_id")
    is_moved = last_on != base.billing.last_invoiced_on and base.invoiced_on is not None
    if is_moved and (last_on is None or last_on < (base.invoiced_on or last_on)):
        raise InvalidInputError(
            "An invoice covers the days up to %(day)s.", "last_invoiced_on", day=base.invoiced_on
        )


def _check_tax_id(whole: Whole, base: Whole) -> None:
    """As on the form, a number of old that was taken then stays."""
    if whole.company.tax_id and whole.company.tax_id != base.company.tax_id:
        check_tax_id(whole.company.tax_id)


def _check_panel(whole: Whole, base: Whole) -> None:
    if whole.panel.enabled and not base.panel.enabled:
        raise InvalidInputError(
            "A panel login needs a password, which no file may bring: switch it on in the form.",
            "panel",
        )


def _flag(text: str, _reseller_id: int, _reading: Reading) -> bool:
    word = text.strip().casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise InvalidInputError("Write yes or no.")


def _amount(text: str, _reseller_id: int, reading: Reading) -> Decimal:
    return parse_amount(text, reading.locale)


def _whole_number(text: str, _reseller_id: int, _reading: Reading) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise InvalidInputError("Write a whole number.")
    return int(text)


def _day(text: str, _reseller_id: int, _reading: Reading) -> date:
    dotted = _DOTTED_DAY.fullmatch(text)
    with suppress(ValueError):
        if dotted:
            return date(int(dotted[3]), int(dotted[2]), int(dotted[1]))
        return datetime.fromisoformat(text).date()
    raise InvalidInputError("Write the day as 2026-01-31.")


def _word(words: Mapping[str, Any], text: str) -> Callable[[str, int, Reading], Any]:
    def read(cell: str, _reseller_id: int, _reading: Reading) -> Any:  # noqa: ANN401 (a word's meaning)
        found = words.get(cell.strip().casefold())
        if found is None:
            raise InvalidInputError(text)
        return found

    return read


def _choice(attribute: str) -> Callable[[str, int, Reading], int]:
    def read(cell: str, reseller_id: int, reading: Reading) -> int:
        known: Mapping[tuple[int, str], int] = getattr(reading.names, attribute)
        found = known.get((reseller_id, " ".join(cell.split()).lower()))
        if found is None:
            raise InvalidInputError("The client's reseller has none of this name.")
        return found

    return read


def _text(text: str, _reseller_id: int, _reading: Reading) -> str:
    return text


def _currency(text: str, _reseller_id: int, _reading: Reading) -> str:
    return text.strip().upper()


def _tags(text: str, _reseller_id: int, _reading: Reading) -> tuple[str, ...]:
    return tuple(sorted(client_blocks.clean_tags(text.split(",")).values()))


_BILLING = {
    "postpaid": "postpaid",
    "credit": "credit",
    "terms": "payment_terms_id",
    "tax_profile": "tax_profile_id",
    "autoinvoicing": "autoinvoicing",
    "invoice_template": "invoice_template_id",
    "last_invoiced": "last_invoiced_on",
}
_LOW = {name: name for name in ("notify_client", "notify_admin", "threshold", "low_capacity")}
_AUTO = {
    "auto_payment": "enabled",
    "extra_amount": "extra_amount",
    "day_cap": "day_cap",
    "month_cap": "month_cap",
}
_COMPANY = {
    "company": "company_name",
    **{
        name: name
        for name in (
            "main_email", "noc_email", "billing_email", "rates_email", "notify_factors_watcher",
            "address", "zip_code", "tax_id", "reg_id", "account_details", "locale",
        )
    },
}  # fmt: skip
_PANEL = {"panel": "enabled", "login": "login"}
_KEY_OF = {
    attribute: key
    for names in (_BILLING, _COMPANY, _AUTO)
    for key, attribute in names.items()
    if attribute != "enabled"
} | {"is_originator": "role"}
_READERS: dict[str, Callable[[str, int, Reading], Any]] = {
    "name": _text,
    "currency": _currency,
    "timezone": _text,
    "status": _word(_STATUSES, "Write active, stop or deleted."),
    "role": _word(_ROLES, "Write orig, term or both."),
    "tags": _tags,
    "postpaid": _flag,
    "credit": _amount,
    "terms": _choice("terms"),
    "tax_profile": _choice("taxes"),
    "notify_client": _amount,
    "notify_admin": _amount,
    "threshold": _amount,
    "low_capacity": _whole_number,
    "autoinvoicing": _flag,
    "invoice_template": _choice("invoice_templates"),
    "last_invoiced": _day,
    "auto_payment": _flag,
    "extra_amount": _amount,
    "day_cap": _amount,
    "month_cap": _amount,
    "panel": _flag,
    "login": _text,
    "notify_factors_watcher": _flag,
    **{name: _text for name in _COMPANY if name != "notify_factors_watcher"},
}
WRITABLE = ("id", "reseller", *_READERS)
"""Keys that a column can be matched with; `id` finds the client, `reseller` says whose it is."""
