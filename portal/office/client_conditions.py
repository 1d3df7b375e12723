"""What each filter of clients means in SQL, as a condition on `Client`.

Names compare by ranges of `name_key` and ids by equality, which an index answers under row-level
security. The other tables are asked for the client at hand, by their own primary keys.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, not_, or_, select

from billing.models import ClientBalance, ClientBilling
from core.names import sort_key
from payments.models import ClientAutoPayment
from portal.office.period import PeriodFilter
from tenants.models import Client, ClientCompany, ClientTag, Tag

Condition = ColumnElement[bool]
_LAST_LETTER = "\U0010ffff"
_LARGEST_ID = 2**63 - 1
_ANYWHERE = "*"


def has_status(status: str) -> Condition:
    return Client.status == status


def is_one_of(ids: Sequence[int]) -> Condition:
    return Client.id.in_(ids)


def name(text: str) -> Condition:
    """The name begins with it, without regard to case and accents; after a `*`, it holds it."""
    if text.startswith(_ANYWHERE):
        return Client.name_key.contains(sort_key(text.lstrip(_ANYWHERE)), autoescape=True)
    key = sort_key(text)
    # a range, not LIKE: only comparisons may use an index before the policy was asked
    return and_(Client.name_key >= key, Client.name_key < key + _LAST_LETTER)


def name_or_id(text: str) -> Condition:
    """As `name`; digits are also the id itself."""
    digits = text.removeprefix("#")
    if not (digits.isascii() and digits.isdecimal() and int(digits[:20]) <= _LARGEST_ID):
        return name(text)
    by_id = Client.id == int(digits)
    return by_id if text.startswith("#") else or_(by_id, name(text))


def of_resellers(ids: Sequence[int]) -> Condition:
    return Client.reseller_id.in_(ids)


def in_currencies(codes: Sequence[str]) -> Condition:
    return Client.currency.in_(codes)


def role(wanted: str) -> Condition:
    """Exactly what the badge says: Orig, Term, or both."""
    return and_(
        Client.is_originator.is_(wanted in ("orig", "both")),
        Client.is_terminator.is_(wanted in ("term", "both")),
    )


def tagged(names: Sequence[str], *, all_of: bool) -> Condition:
    found = [_tag([one]) for one in names] if all_of else [_tag(names)]
    return and_(*found)


def balance(kind: str, low: Decimal | None, high: Decimal | None) -> Condition:
    """`kind` is available, live, fixed or credit.

    An unlimited balance is above every figure; a credit that is not used is none.
    """
    if kind == "available":
        return _available(low, high)
    column = getattr(ClientBalance, kind)
    wanted = [ClientBalance.postpaid.is_(False)] if kind == "credit" else []
    if low is not None:
        wanted.append(column >= low)
    if high is not None:
        wanted.append(column <= high)
    return _has(ClientBalance, *wanted)


def postpaid(answer: str) -> Condition:
    return _has(ClientBalance, ClientBalance.postpaid.is_(answer == "yes"))


def with_terms(ids: Sequence[int]) -> Condition:
    return _chosen(ClientBilling.payment_terms_id, ids)


def with_taxes(ids: Sequence[int]) -> Condition:
    return _chosen(ClientBilling.tax_profile_id, ids)


def with_templates(ids: Sequence[int]) -> Condition:
    """Made from one of these templates; 0 among them: or from none."""
    has_one = Client.template_id.in_([one for one in ids if one])
    return or_(has_one, Client.template_id.is_(None)) if 0 in ids else has_one


def autoinvoicing(answer: str) -> Condition:
    return _answer(_has(ClientBilling, ClientBilling.autoinvoicing.is_(True)), answer)


def auto_payment(answer: str) -> Condition:
    return _answer(_has(ClientAutoPayment, ClientAutoPayment.enabled.is_(True)), answer)


def invoiced(period: PeriodFilter) -> Condition:
    return _has(ClientBilling, *period.day_conditions(ClientBilling.last_invoiced_on))


def never_invoiced() -> Condition:
    return not_(_has(ClientBilling, ClientBilling.last_invoiced_on.is_not(None)))


def created(period: PeriodFilter) -> list[Condition]:
    """By the viewer's days."""
    return period.instant_conditions(Client.created_at)


def main_email(text: str) -> Condition:
    return _company_text(ClientCompany.main_email, text)


def billing_email(text: str) -> Condition:
    return _company_text(ClientCompany.billing_email, text)


def rates_email(text: str) -> Condition:
    return _company_text(ClientCompany.rates_email, text)


def company(text: str) -> Condition:
    return _company_text(ClientCompany.company_name, text)


def _has(model: Any, *wanted: Condition) -> Condition:  # noqa: ANN401 (any table with a client)
    return (
        select(model.client_id)
        .where(model.reseller_id == Client.reseller_id, model.client_id == Client.id, *wanted)
        .correlate(Client)
        .exists()
    )


def _answer(condition: Condition, answer: str) -> Condition:
    return condition if answer == "yes" else not_(condition)


def _chosen(column: Any, ids: Sequence[int]) -> Condition:  # noqa: ANN401 (a column of ClientBilling)
    """One of `ids`; 0 among them: or none at all."""
    has_one = _has(ClientBilling, column.in_([one for one in ids if one]))
    if 0 not in ids:
        return has_one
    return or_(has_one, not_(_has(ClientBilling, column.is_not(None))))


def _available(low: Decimal | None, high: Decimal | None) -> Condition:
    # whole millionths, and compared as such: numeric comparisons cannot use an index here
    limited: list[Condition] = []
    if low is not None:
        limited.append(ClientBalance.available_micros >= _micros(low, ROUND_CEILING))
    if high is not None:
        limited.append(ClientBalance.available_micros <= _micros(high, ROUND_FLOOR))
    if high is not None:
        return _has(ClientBalance, ClientBalance.postpaid.is_(False), *limited)
    return _has(ClientBalance, or_(ClientBalance.postpaid, *limited))


def _micros(amount: Decimal, rounding: str) -> int:
    found = int((amount * 1_000_000).to_integral_value(rounding))
    return max(-_LARGEST_ID, min(found, _LARGEST_ID))


def _tag(names: Sequence[str]) -> Condition:
    return (
        select(ClientTag.client_id)
        .join(Tag, and_(Tag.reseller_id == ClientTag.reseller_id, Tag.id == ClientTag.tag_id))
        .where(
            ClientTag.reseller_id == Client.reseller_id,
            ClientTag.client_id == Client.id,
            func.lower(Tag.name).in_([name.lower() for name in names]),
        )
        .correlate(Client)
        .exists()
    )


def _company_text(column: Any, text: str) -> Condition:  # noqa: ANN401 (a column of ClientCompany)
    """The field begins with `text`; `*` means any, `*text` anywhere in it. Case does not matter."""
    wanted = text.lstrip(_ANYWHERE).lower()
    if not wanted:
        return _has(ClientCompany, column != "") if text else false()
    lowered = func.lower(column)
    if text.startswith(_ANYWHERE):
        return _has(ClientCompany, lowered.contains(wanted, autoescape=True))
    return _has(ClientCompany, lowered.startswith(wanted, autoescape=True))
