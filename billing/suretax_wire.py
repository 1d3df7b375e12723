"""The adapter of SureTax (V07): one question, one answer in our words. It knows no database.

REST as documented: POST `<address>/Services/V07/SureTax.asmx/PostRequest` with the form field
`request` (`requestCancel` for CancelPostRequest), a JSON text; the answer is a JSON text inside
`<string>` (or `{"d": "…"}`). Answers are values: nothing here raises for a refusal or a lost line.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from html import unescape
from typing import Any
from urllib.parse import urlencode

from core.http_post import PostAnswer, post

SUCCESS, ITEM_ERRORS, STAN_KNOWN, TOO_OLD = "9999", "9001", "1000", "1510"
QUOTE, FINAL = "Q", "0"
_PATH = "/Services/V07/SureTax.asmx/"
_TIMEOUT_S = 30.0
_MOST_BYTES = 4_000_000
# a tenant's own server may answer: what is written out must stay short
_MOST_PLACES = 18
_REASON_LENGTH = 300


class Outcome(StrEnum):
    """How a question ended."""

    DONE = "done"
    # SureTax says no, and why: wrong settings or wrong data
    REFUSED = "refused"
    # nobody knows whether it was taken: no answer, or none that can be read
    UNKNOWN = "unknown"
    # this STAN was filed before: done, but its answer was lost
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks, and where; `is_foreign`: a tenant chose the address."""

    address: str
    is_foreign: bool
    client_number: str
    validation_key: str
    business_unit: str = ""


@dataclass(frozen=True, slots=True)
class Tax:
    """One tax of an answer; `amount` as SureTax rounded it, `rate` a fraction, `fee` per unit."""

    line: str
    code: str
    name: str
    amount: Decimal
    rate: Decimal
    fee: Decimal
    base: Decimal
    taxable: Decimal
    place: str

    def as_json(self) -> dict[str, str]:
        """The tax with its numbers as plain text, to be frozen with the invoice."""
        numbers = ("amount", "rate", "fee", "base", "taxable")
        texts = {name: getattr(self, name) for name in ("line", "code", "name", "place")}
        return texts | {name: f"{getattr(self, name):f}" for name in numbers}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `text` is SureTax's own sentence, or what went wrong on the way."""

    outcome: Outcome
    code: str = ""
    text: str = ""
    trans_id: str = ""
    total: Decimal = Decimal(0)
    taxes: Sequence[Tax] = ()


def calculate(who: Credentials, question: Mapping[str, Any]) -> Answer:
    """Ask for taxes. `question` is the request without who asks.

    Call it with no transaction open.
    """
    body = {
        "ClientNumber": who.client_number,
        "BusinessUnit": who.business_unit,
        "ValidationKey": who.validation_key,
        **question,
    }
    return _read_taxes(_send(who, "PostRequest", "request", body))


def cancel(who: Credentials, trans_id: str, tracking: str) -> Answer:
    """Take back what was filed; no transaction may be open."""
    body = {
        "ClientNumber": who.client_number,
        "ValidationKey": who.validation_key,
        "ClientTracking": tracking,
        "TransId": trans_id,
    }
    return _read_head(_send(who, "CancelPostRequest", "requestCancel", body))[0]


def _send(who: Credentials, method: str, field: str, body: Mapping[str, Any]) -> PostAnswer:
    return post(
        f"{who.address.rstrip('/')}{_PATH}{method}",
        urlencode({field: json.dumps(body)}).encode(),
        {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "text/xml, application/json",
        },
        timeout_s=_TIMEOUT_S,
        is_foreign=who.is_foreign,
        most_bytes=_MOST_BYTES,
    )


def _read_head(sent: PostAnswer) -> tuple[Answer, Mapping[str, Any]]:
    if not sent.is_taken:
        said = f"HTTP {sent.status}." if sent.status else sent.error or "There was no answer."
        return Answer(Outcome.UNKNOWN, text=said), {}
    try:
        told = _unwrap(sent.body)
    except ValueError:
        return Answer(Outcome.UNKNOWN, text="Its answer cannot be read."), {}
    code = _text(told.get("ResponseCode"))
    text = _text(told.get("HeaderMessage"))
    trans_id = _text(told.get("TransId"))
    if code == STAN_KNOWN:
        return Answer(Outcome.REPEATED, code, text), told
    if code != SUCCESS or told.get("Successful") != "Y":
        return Answer(Outcome.REFUSED, code, _why(told, text)), told
    return Answer(Outcome.DONE, code, text, trans_id), told


def _read_taxes(sent: PostAnswer) -> Answer:
    head, told = _read_head(sent)
    if head.outcome is not Outcome.DONE:
        return head
    try:
        taxes = [
            _tax(group, one)
            for group in told.get("GroupList") or ()
            for one in group.get("TaxList") or ()
        ]
        total = _number(told.get("TotalTax"))
    except (ValueError, LookupError, InvalidOperation, AttributeError, TypeError):
        return Answer(Outcome.UNKNOWN, head.code, "Its answer cannot be read.")
    if sum((tax.amount for tax in taxes), Decimal(0)) != total:
        return Answer(Outcome.UNKNOWN, head.code, "The taxes of its answer do not make its total.")
    return Answer(Outcome.DONE, head.code, head.text, head.trans_id, total, taxes)


def _tax(group: Mapping[str, Any], one: Mapping[str, Any]) -> Tax:
    places = (group.get("StateCode"), one.get("CountyName"), one.get("CityName"))
    fee, rate = _number(one.get("FeeRate")), _number(one.get("TaxRate"))
    revenue = one.get("RevenueBase") or one.get("Revenue")
    taxable = one.get("PercentTaxable")
    return Tax(
        line=_text(group.get("LineNumber")),
        code=_text(one.get("TaxTypeCode")),
        name=" ".join(_text(one.get("TaxTypeDesc")).split()) or _text(one.get("TaxTypeCode")),
        amount=_number(one["TaxAmount"]),
        rate=rate,
        fee=fee,
        base=_number(revenue),
        taxable=Decimal(1) if taxable is None else _number(taxable),
        place=", ".join(_text(place) for place in places if _text(place)),
    )


def _unwrap(body: bytes) -> Mapping[str, Any]:
    """The JSON object, from its XML or JSON wrapping or bare; raises ValueError."""
    wrapped = _inside(body)
    text = body.decode() if wrapped is None else unescape(wrapped.decode())
    try:
        told = json.loads(text, parse_float=Decimal)
        if isinstance(told, dict) and isinstance(told.get("d"), str):
            told = json.loads(told["d"], parse_float=Decimal)
    except (RecursionError, ArithmeticError) as error:
        raise ValueError("no answer has this form") from error
    if not isinstance(told, dict) or "ResponseCode" not in told:
        raise ValueError("not an answer of SureTax")
    return told


def _inside(body: bytes) -> bytes | None:
    """What `<string …>` holds, each byte looked at once however often the tag comes."""
    begins, ends = body.find(b"<string"), body.rfind(b"</string>")
    opened = body.find(b">", begins)
    return body[opened + 1 : ends] if -1 < begins < opened < ends else None


def _why(told: Mapping[str, Any], text: str) -> str:
    """The header's sentence, and those of the items that it could not take."""
    messages = told.get("ItemMessages")
    items = [
        f"{_text(one.get('ResponseCode'))} {_text(one.get('Message'))}"
        for one in (messages if isinstance(messages, list) else ())
        if isinstance(one, dict)
    ]
    return "; ".join([text, *dict.fromkeys(items)] if text else items)[:_REASON_LENGTH]


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _number(value: object) -> Decimal:
    text = _text(value) or "0"
    number = Decimal(text)
    if not number.is_finite() or len(text) > 2 * _MOST_PLACES:
        raise ValueError("not a number")
    if not -_MOST_PLACES <= int(number.as_tuple().exponent) <= _MOST_PLACES:
        # 1E+999999999 is short, and a gigabyte once it is written out
        raise ValueError("not a number of money")
    return number
