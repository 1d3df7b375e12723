"""Mass edit: one wish for many clients, decided for each as the form would decide it.

A client takes all of the wish or nothing: where one field cannot be, the client is left out and
told why. Last Invoiced has the guards of the form: days that stand on an invoice stay billed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from billing import low_balance
from billing.models import PaymentTerms
from core.db import Session
from core.errors import AppError, InvalidInputError, NotFoundError
from payments import auto_payment, client_templates
from payments.client_templates import TemplateValues
from payments.client_wholes import Whole, changes_of
from tenants import client_templates as template_rows
from tenants.client_blocks import clean_tags

STATUSES = ("active", "stop", "deleted", "restore")
TAG_WAYS = ("add", "remove", "replace")
AMOUNTS = ("extra_amount", "notify_client", "notify_admin", "threshold")
LOW_FIELDS = ("notify_client", "notify_admin", "threshold", "low_capacity")


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be. None leaves a field as it is; what can be emptied is named in `emptied`.

    Amounts are in `currency`: clients with another one are left out.
    """

    last_invoiced_on: date | None = None
    status: str | None = None
    tag_way: str | None = None
    tags: tuple[str, ...] = ()
    payment_terms_id: int | None = None
    template_id: int | None = None
    autoinvoicing: bool | None = None
    auto_payment: bool | None = None
    extra_amount: Decimal | None = None
    notify_client: Decimal | None = None
    notify_admin: Decimal | None = None
    threshold: Decimal | None = None
    low_capacity: int | None = None
    currency: str = ""
    emptied: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return replace(self, currency="", tags=()) == Wish()

    def to_params(self) -> dict[str, Any]:
        """As JSON holds it; only what is wished."""
        plain: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if value not in (None, "", ()):
                is_exact = isinstance(value, Decimal | date)
                plain[one.name] = (
                    str(value) if is_exact else list(value) if type(value) is tuple else value
                )
        return plain


@dataclass(frozen=True, slots=True)
class Context:
    """What the wish names, read once: whose terms they are, what the template says."""

    wish: Wish
    terms_reseller_id: int | None = None
    template_reseller_id: int | None = None
    template: TemplateValues | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """`state`: changed, unchanged or left_out; `reason` is a constant sentence with `values`."""

    state: str
    after: Whole | None = None
    reason: str = ""
    values: Mapping[str, object] | None = None

    def changes_from(self, before: Whole) -> dict[str, tuple[object, object]]:
        return {} if self.after is None else changes_of(before, self.after)


def read_wish(params: Mapping[str, Any]) -> Wish:
    """What `to_params` wrote."""
    values = dict(params)
    for name in AMOUNTS:
        if name in values:
            values[name] = Decimal(values[name])
    if "last_invoiced_on" in values:
        values["last_invoiced_on"] = date.fromisoformat(values["last_invoiced_on"])
    for name in ("tags", "emptied"):
        values[name] = tuple(values.get(name, ()))
    return Wish(**values)


def check_wish(wish: Wish) -> None:
    """Raises InvalidInputError for what no client could take."""
    if wish.is_empty:
        raise InvalidInputError("Choose what to change.")
    if wish.status is not None and wish.status not in STATUSES:
        raise InvalidInputError("Choose a status.", "status")
    if wish.tag_way is not None:
        if wish.tag_way not in TAG_WAYS:
            raise InvalidInputError("Choose what to do with the tags.", "tag_way")
        if not clean_tags(wish.tags) and wish.tag_way != "replace":
            raise InvalidInputError("Enter at least one tag.", "tags")
    _check_amounts(wish)


def _check_amounts(wish: Wish) -> None:
    has_amount = any(getattr(wish, name) is not None for name in AMOUNTS)
    if has_amount and not wish.currency:
        raise InvalidInputError("Choose the currency of the amounts.", "currency")
    for name in ("notify_client", "notify_admin", "threshold"):
        value: Decimal | None = getattr(wish, name)
        if value is not None:
            low_balance.check_amount(value, name)
    if wish.low_capacity is not None:
        low_balance.check_capacity(wish.low_capacity)
    if wish.extra_amount is not None:
        auto_payment.check_amount(wish.extra_amount, "extra_amount")
        auto_payment.check_decimals(wish.extra_amount, wish.currency, "extra_amount")


def read_context(session: Session, wish: Wish) -> Context:
    """Raises InvalidInputError for terms or a template that are not of the scope."""
    terms_reseller_id = template_reseller_id = template = None
    if wish.payment_terms_id is not None:
        terms_reseller_id = session.scalar(
            select(PaymentTerms.reseller_id).where(PaymentTerms.id == wish.payment_terms_id)
        )
        if terms_reseller_id is None:
            raise InvalidInputError("Choose one from the list.", "payment_terms_id")
    if wish.template_id is not None:
        try:
            found = template_rows.get_template(session, wish.template_id)
        except NotFoundError as error:
            raise InvalidInputError("Choose one from the list.", "template_id") from error
        template = client_templates.get_values(session, found)
        template_reseller_id = found.reseller_id
    return Context(wish, terms_reseller_id, template_reseller_id, template)


def decide(before: Whole, context: Context) -> Decision:
    """What the wish makes of this client, or why it does not."""
    try:
        _check_fits(before, context)
        after = _after(before, context)
        _check_after(before, after)
    except AppError as error:
        return Decision("left_out", reason=error.text, values=error.values)
    if after == before:
        return Decision("unchanged", reason="It is so already.")
    return Decision("changed", after)


def _check_fits(before: Whole, context: Context) -> None:
    wish = context.wish
    if before.is_erased:
        raise InvalidInputError("This client was removed for good.")
    if before.general.status == "deleted" and wish.status not in ("restore", "deleted"):
        raise InvalidInputError("The client is deleted: restore it first.")
    if context.terms_reseller_id not in (None, before.reseller_id):
        raise InvalidInputError("The payment terms are those of another reseller.")
    if context.template_reseller_id not in (None, before.reseller_id):
        raise InvalidInputError("The template is one of another reseller.")
    if wish.currency and wish.currency != before.general.currency:
        raise InvalidInputError(
            "The amounts are in %(currency)s, the client's currency is %(own)s.",
            currency=wish.currency,
            own=before.general.currency,
        )


def _after(before: Whole, context: Context) -> Whole:
    wish, after = context.wish, before
    if context.template is not None:
        after = _with_template(after, context.template, wish.template_id)
    general = after.general
    if wish.status == "restore":
        if general.status == "deleted":
            general = replace(general, status=before.restores_status or "active")
    elif wish.status is not None:
        general = replace(general, status=wish.status)
    return replace(
        after,
        general=general,
        tags=_tags(after.tags, wish),
        billing=_billing(after, wish),
        low=replace(after.low, **_said(wish, LOW_FIELDS)),
        auto=_auto(after, wish),
    )


def _with_template(before: Whole, said: TemplateValues, template_id: int | None) -> Whole:
    general = before.general
    role = said.general.role
    if role is not None:
        general = replace(
            general, is_originator=role != "terminator", is_terminator=role != "originator"
        )
    general = replace(
        general,
        currency=said.general.currency or general.currency,
        timezone=said.general.timezone or general.timezone,
    )
    return replace(
        before,
        general=general,
        template_id=template_id,
        tags=_joined(before.tags, said.general.tags),
        billing=said.billing.applied_to(before.billing),
        low=said.billing.applied_to_low_balance(before.low),
        auto=said.auto.applied_to(before.auto),
    )


def _billing(before: Whole, wish: Wish) -> Any:  # noqa: ANN401 (the billing block)
    said: dict[str, Any] = {}
    if wish.payment_terms_id is not None or "payment_terms_id" in wish.emptied:
        said["payment_terms_id"] = wish.payment_terms_id
    if wish.autoinvoicing is not None:
        said["autoinvoicing"] = wish.autoinvoicing
    if wish.last_invoiced_on is not None:
        said["last_invoiced_on"] = wish.last_invoiced_on
    return replace(before.billing, **said)


def _auto(before: Whole, wish: Wish) -> Any:  # noqa: ANN401 (the Auto Payment block)
    said: dict[str, Any] = {}
    if wish.auto_payment is not None:
        said["enabled"] = wish.auto_payment
    if wish.extra_amount is not None:
        said["extra_amount"] = wish.extra_amount
    return replace(before.auto, **said)


def _said(wish: Wish, names: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: getattr(wish, name)
        for name in names
        if getattr(wish, name) is not None or name in wish.emptied
    }


def _tags(before: tuple[str, ...], wish: Wish) -> tuple[str, ...]:
    named = clean_tags(wish.tags)
    if wish.tag_way == "add":
        return _joined(before, tuple(named.values()))
    if wish.tag_way == "remove":
        return tuple(name for name in before if name.lower() not in named)
    if wish.tag_way == "replace":
        # a name that differs in its capitals only is the same tag
        kept = {name.lower(): name for name in before}
        return tuple(sorted(kept.get(key, name) for key, name in named.items()))
    return before


def _joined(before: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    has = {name.lower() for name in before}
    return tuple(sorted([*before, *(name for name in more if name.lower() not in has)]))


def _check_after(before: Whole, after: Whole) -> None:
    """What the form refuses, said before anything is written."""
    billing = after.billing
    if billing.autoinvoicing and billing.payment_terms_id is None:
        raise InvalidInputError("Autoinvoicing needs payment terms.", "payment_terms_id")
    is_moved = billing.last_invoiced_on != before.billing.last_invoiced_on
    if is_moved and before.invoiced_on is not None:
        last_on = billing.last_invoiced_on
        if last_on is None or last_on < before.invoiced_on:
            raise InvalidInputError(
                "An invoice covers the days up to %(day)s.",
                "last_invoiced_on",
                day=before.invoiced_on,
            )
    low_balance.check(after.low)
    if after.auto.extra_amount != before.auto.extra_amount:
        auto_payment.check_decimals(after.auto.extra_amount, after.general.currency, "extra_amount")
