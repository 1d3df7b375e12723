"""Payment terms: when clients are invoiced, when invoices are due, when reminders go."""

from collections.abc import Iterable

from sqlalchemy import func, select

from billing import schedule
from billing.client_models import ClientTemplateBilling
from billing.models import ClientBilling, PaymentTerms
from billing.periods import LAST_DAY_OF_MONTH_TERM
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from tenants import audit

MAX_DAYS = 366
NAME_LENGTH = 100


def create_terms(
    session: Session,
    *,
    reseller_id: int,
    name: str,
    day_of_month: int | None = None,
    every_days: int | None = None,
    grace_days: int = 0,
    remind_before: Iterable[int] = (),
    remind_after: Iterable[int] = (),
) -> PaymentTerms:
    """Make terms: on a day of the month (29 to 31 become 28) or every so many days.

    Raises InvalidInputError naming the field.
    """
    terms = PaymentTerms(reseller_id=reseller_id, remind_before=[], remind_after=[])
    _fill(
        session,
        terms,
        name=name,
        day_of_month=day_of_month,
        every_days=every_days,
        grace_days=grace_days,
        remind_before=remind_before,
        remind_after=remind_after,
    )
    session.add(terms)
    session.flush()
    _record(session, terms, "create", {})
    return terms


def update_terms(
    session: Session,
    terms_id: int,
    *,
    name: str,
    day_of_month: int | None = None,
    every_days: int | None = None,
    grace_days: int = 0,
    remind_before: Iterable[int] = (),
    remind_after: Iterable[int] = (),
) -> PaymentTerms:
    """Change terms; the next invoice of every client with them moves to its new boundary.

    Periods already billed stay. Raises NotFoundError, InvalidInputError.
    """
    terms = get_terms(session, terms_id)
    before = _facts(terms)
    _fill(
        session,
        terms,
        name=name,
        day_of_month=day_of_month,
        every_days=every_days,
        grace_days=grace_days,
        remind_before=remind_before,
        remind_after=remind_after,
    )
    session.flush()
    _record(session, terms, "update", before)
    schedule.refresh_terms(session, terms.id)
    return terms


def delete_terms(session: Session, terms_id: int) -> None:
    """Raises NotFoundError; ConflictError when a client or a template has them."""
    terms = get_terms(session, terms_id)
    used = session.scalar(
        select(ClientBilling.client_id)
        .where(
            ClientBilling.reseller_id == terms.reseller_id,
            ClientBilling.payment_terms_id == terms_id,
        )
        .limit(1)
    )
    if used is not None:
        raise ConflictError("These payment terms are in use and cannot be deleted.")
    in_template = session.scalar(
        select(ClientTemplateBilling.template_id)
        .where(ClientTemplateBilling.payment_terms_id == terms_id)
        .limit(1)
    )
    if in_template is not None:
        raise ConflictError("A client template uses it: change the template first.")
    _record(session, terms, "delete", {})
    session.delete(terms)
    session.flush()


def get_terms(session: Session, terms_id: int) -> PaymentTerms:
    """Raises NotFoundError, also for terms of another tenant."""
    terms = session.scalar(select(PaymentTerms).where(PaymentTerms.id == terms_id))
    if terms is None:
        raise NotFoundError("Payment terms not found.")
    return terms


def list_terms(session: Session, reseller_id: int) -> list[PaymentTerms]:
    """Those of one reseller, by name."""
    return list(
        session.scalars(
            select(PaymentTerms)
            .where(PaymentTerms.reseller_id == reseller_id)
            .order_by(PaymentTerms.name)
        )
    )


def _fill(
    session: Session,
    terms: PaymentTerms,
    *,
    name: str,
    day_of_month: int | None,
    every_days: int | None,
    grace_days: int,
    remind_before: Iterable[int],
    remind_after: Iterable[int],
) -> None:
    if (day_of_month is None) == (every_days is None):
        raise InvalidInputError("Choose a day of the month or a number of days.", "day_of_month")
    if day_of_month is not None:
        _check_range(day_of_month, 1, 31, "day_of_month")
        day_of_month = min(day_of_month, LAST_DAY_OF_MONTH_TERM)
    if every_days is not None:
        _check_range(every_days, 1, MAX_DAYS, "every_days")
    _check_range(grace_days, 0, MAX_DAYS, "grace_days")
    terms.name = _checked_name(session, terms, name)
    terms.day_of_month = day_of_month
    terms.every_days = every_days
    terms.grace_days = grace_days
    terms.remind_before = _offsets(remind_before, "remind_before")
    terms.remind_after = _offsets(remind_after, "remind_after")


def _checked_name(session: Session, terms: PaymentTerms, name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise InvalidInputError("Enter a name.", "name")
    if len(name) > NAME_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "name", count=NAME_LENGTH)
    with session.no_autoflush:
        taken = session.scalar(
            select(PaymentTerms.id).where(
                PaymentTerms.reseller_id == terms.reseller_id,
                func.lower(PaymentTerms.name) == name.lower(),
            )
        )
    if taken is not None and taken != terms.id:
        raise InvalidInputError("Other payment terms have this name.", "name")
    return name


def _offsets(days: Iterable[int], field: str) -> list[int]:
    offsets = sorted(set(days))
    for offset in offsets:
        _check_range(offset, 0, MAX_DAYS, field)
    return offsets


def _check_range(number: int, low: int, high: int, field: str) -> None:
    if not low <= number <= high:
        raise InvalidInputError(
            "Enter a number from %(low)s to %(high)s.", field, low=low, high=high
        )


def _facts(terms: PaymentTerms) -> dict[str, object]:
    return {
        "name": terms.name,
        "day_of_month": terms.day_of_month,
        "every_days": terms.every_days,
        "grace_days": terms.grace_days,
        "remind_before": list(terms.remind_before),
        "remind_after": list(terms.remind_after),
    }


def _record(session: Session, terms: PaymentTerms, action: str, before: dict[str, object]) -> None:
    changes = {} if action == "delete" else audit.differences(before, _facts(terms))
    if action == "update" and not changes:
        return
    audit.record(
        session,
        reseller_id=terms.reseller_id,
        action=action,
        object_type="payment_terms",
        object_id=terms.id,
        object_label=terms.name,
        changes=changes,
    )
