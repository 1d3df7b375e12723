"""Invoices that wait for SureTax: asked outside of every transaction, made when it has answered.

A client has one such invoice at a time. It is a wish only: without number, in no balance, sent to
nobody. Asking is a quote, which leaves nothing behind at SureTax, so a worker killed at any moment
just asks again; the invoice is made once, under the client's balance lock.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from sqlalchemy import select

from billing import (
    invoices,
    ledger,
    suretax_accounts,
    suretax_requests,
    suretax_wire,
    tax_charges,
    tax_filings,
)
from billing.client_billing import LockedClient, lock_client
from billing.invoice_contents import Contents, read_contents
from billing.invoice_models import Invoice
from billing.models import ClientBalance
from billing.periods import Period
from billing.suretax_models import TaxWait
from billing.suretax_wire import Answer, Credentials, Outcome
from billing.tax_filings import LEASE, delay_after, trouble
from core import jobs
from core.clock import now
from core.config import Settings
from core.db import Session
from core.errors import AppError, ConflictError, InvalidInputError, NotFoundError
from core.ids import new_token
from tenants import audit, events
from tenants.clients import get_client
from tenants.models import Client

JOB = "billing.ask_tax"
_TICK = timedelta(microseconds=1)
UnitOfWork = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True, slots=True)
class _Claim:
    owner: str
    who: Credentials
    question: dict[str, Any]


def make_invoice(
    session: Session,
    *,
    invoice_id: UUID,
    client_id: int,
    period: Period,
    autoinvoice: bool,
    invoice_on: date | None = None,
    issue: bool = False,
    locked: LockedClient | None = None,
) -> Invoice | TaxWait | None:
    """`invoices.create_invoice`, or for a client of SureTax the wait for its taxes.

    `issue` issues one made by hand at once. The same id gives what was made before; a caller that
    gives a new id may have the client locked already. Raises as `create_invoice`, and ConflictError
    while another invoice of the client waits.
    """
    known = None if locked is not None else invoices.find_invoice(session, invoice_id)
    if known is not None:
        made: Invoice | None = invoices.check_repeated(known, client_id, period)
    else:
        if locked is None:
            locked = lock_client(session, client_id)
            wait = find_wait(session, invoice_id)
            if wait is not None:
                return wait
        contents = read_contents(session, client_id, locked.balance.currency, period.ends_at)
        is_charged = contents.totals.total > 0
        if is_charged and suretax_requests.needs_suretax(session, locked.client, contents):
            invoices.check_free(session, client_id, period)
            return _begin(
                session,
                locked.client,
                TaxWait(
                    id=invoice_id,
                    autoinvoice=autoinvoice,
                    issue=issue,
                    invoice_on=invoice_on,
                    first_on=period.first_on,
                    last_on=period.last_on,
                    starts_at=period.starts_at,
                    ends_at=period.ends_at,
                    boundary_on=period.boundary_on,
                ),
            )
        made = invoices.write_invoice(
            session,
            locked,
            contents,
            invoice_id=invoice_id,
            period=period,
            autoinvoice=autoinvoice,
            invoice_on=invoice_on,
        )
    if made is not None and issue and not autoinvoice:
        invoices.issue(session, invoice_id)
    return made


def find_wait(session: Session, wait_id: UUID) -> TaxWait | None:
    """None when the invoice is made, given up, or never waited."""
    return session.scalar(select(TaxWait).where(TaxWait.id == wait_id))


def get_wait(session: Session, wait_id: UUID) -> TaxWait:
    """Raises NotFoundError, also for one of another tenant."""
    wait = find_wait(session, wait_id)
    if wait is None:
        raise NotFoundError("This invoice waits no more.")
    return wait


def find_client_wait(session: Session, client_id: int) -> TaxWait | None:
    """The invoice of the client that waits, if one does."""
    return session.scalar(select(TaxWait).where(TaxWait.client_id == client_id))


def ask_again(session: Session, wait_id: UUID) -> TaxWait:
    """Ask at once instead of later; one that is being asked goes on. Raises NotFoundError."""
    wait = get_wait(session, wait_id)
    session.refresh(wait, with_for_update=True)
    if not wait.lease_owner or wait.next_try_at <= now():
        wait.lease_owner, wait.next_try_at = "", now()
        session.flush()
        _enqueue(session, wait)
    return wait


def give_up(session: Session, wait_id: UUID) -> TaxWait:
    """Do not make this invoice; its charges wait for the next one. Only one made by hand.

    Raises NotFoundError, ConflictError for an automatic one.
    """
    wait = get_wait(session, wait_id)
    if wait.autoinvoice:
        raise ConflictError("The automatic invoice comes again: change the client instead.")
    audit.record(
        session,
        reseller_id=wait.reseller_id,
        client_id=wait.client_id,
        action="give_up",
        object_type="invoice",
        object_id=wait.id,
        object_label="",
        changes={"period": (f"{wait.first_on} – {wait.last_on}", None)},
    )
    session.delete(wait)
    session.flush()
    return wait


def ask(unit_of_work: UnitOfWork, wait_id: UUID, *, settings: Settings) -> bool:
    """Ask for the taxes if it is time, and make the invoice with them; whether it was asked."""
    owner = new_token()
    with unit_of_work() as session:
        claim = _claim(session, wait_id, owner, settings)
    if claim is None:
        return False
    answer = suretax_wire.calculate(claim.who, claim.question)
    with unit_of_work() as session:
        _record(session, wait_id, claim, answer)
    return True


def _begin(session: Session, client: Client, wait: TaxWait) -> TaxWait:
    other = find_client_wait(session, client.id)
    if other is not None:
        raise ConflictError(
            "The invoice for %(first)s to %(last)s waits for its taxes: one after the other.",
            first=other.first_on.isoformat(),
            last=other.last_on.isoformat(),
        )
    wait.reseller_id, wait.client_id = client.reseller_id, client.id
    wait.next_try_at = now()
    session.add(wait)
    session.flush()
    _enqueue(session, wait)
    return wait


def _claim(session: Session, wait_id: UUID, owner: str, settings: Settings) -> _Claim | None:
    locked = _lock(session, wait_id)
    if locked is None:
        return None
    wait, client, contents = locked
    if wait.next_try_at > now():
        return None
    if contents.totals.total <= 0:
        _drop(session, wait)
        return None
    if not suretax_requests.needs_suretax(session, client, contents):
        # another profile by now, or nothing left that is taxed
        _make(session, wait, client)
        return None
    wait.attempts += 1
    account = suretax_accounts.find_account(session, wait.reseller_id)
    try:
        if account is None or not account.enabled:
            raise InvalidInputError("SureTax is not set up, or is switched off.")
        who = suretax_accounts.open_account(account, settings)
        question = suretax_requests.make_question(
            session,
            client,
            contents,
            account,
            invoice_on=_invoice_day(wait, client),
            reference=wait.id,
        )
    except AppError as error:
        _put_off(session, wait, error)
        return None
    wait.lease_owner, wait.next_try_at = owner, now() + LEASE
    session.flush()
    return _Claim(owner, who, question)


def _record(session: Session, wait_id: UUID, claim: _Claim, answer: Answer) -> None:
    locked = _lock(session, wait_id)
    if locked is None or locked[0].lease_owner != claim.owner:
        return  # the lease ran out and somebody else reports, or it was given up
    wait, client, contents = locked
    if answer.outcome is not Outcome.DONE:
        _put_off(session, wait, trouble(answer))
        return
    account = suretax_accounts.find_account(session, wait.reseller_id)
    try:
        asked = account and suretax_requests.make_question(
            session,
            client,
            contents,
            account,
            invoice_on=_invoice_day(wait, client),
            reference=wait.id,
        )
    except InvalidInputError:
        asked = None
    if asked != claim.question:
        # charges came or went while SureTax was asked: its answer is of another invoice
        wait.lease_owner, wait.next_try_at = "", now()
        session.flush()
        _enqueue(session, wait)
        return
    try:
        with session.begin_nested():
            _make(session, wait, client, claim.question, answer)
    except AppError as error:
        session.refresh(wait)
        _put_off(session, wait, error)


def _make(
    session: Session,
    wait: TaxWait,
    client: Client,
    question: dict[str, Any] | None = None,
    answer: Answer | None = None,
) -> None:
    period = Period(wait.first_on, wait.last_on, wait.starts_at, wait.ends_at, wait.boundary_on)
    balance = ledger.lock_balance(session, client.id)
    charge_id = None
    if answer is not None:
        charge_id = _charge_taxes(session, wait, client, balance, answer)
    invoice = invoices.create_invoice(
        session,
        invoice_id=wait.id,
        client_id=client.id,
        period=period,
        autoinvoice=wait.autoinvoice,
        invoice_on=wait.invoice_on,
        is_taxed=answer is not None,
    )
    if invoice is not None and answer is not None and question is not None:
        tax_filings.record_computed(
            session, invoice, transaction_id=charge_id, question=question, answer=answer
        )
    if invoice is not None and wait.issue and not wait.autoinvoice:
        invoices.issue(session, invoice.id)
    _drop(session, wait)


def _charge_taxes(
    session: Session, wait: TaxWait, client: Client, balance: ClientBalance, answer: Answer
) -> UUID | None:
    taxed = suretax_requests.find_suretaxed(session, client)
    charge = tax_charges.post_tax_charge(
        session,
        charge_id=uuid5(wait.id, "suretax"),
        client=client,
        currency=balance.currency,
        taxes=suretax_requests.to_taxes(answer),
        dated_at=min(now(), wait.ends_at - _TICK),
        profile=taxed.profile if taxed else "",
        trans_id=answer.trans_id,
    )
    return None if charge is None else charge.id


def _lock(session: Session, wait_id: UUID) -> tuple[TaxWait, Client, Contents] | None:
    """The wait under its client's balance lock, which every posting takes first."""
    wait = find_wait(session, wait_id)
    if wait is None:
        return None
    balance = ledger.lock_balance(session, wait.client_id)
    locked = session.scalar(
        select(TaxWait)
        .where(TaxWait.id == wait_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if locked is None:
        return None
    client = get_client(session, locked.client_id)
    contents = read_contents(session, client.id, balance.currency, locked.ends_at)
    return locked, client, contents


def _invoice_day(wait: TaxWait, client: Client) -> date:
    if wait.invoice_on is not None:
        return wait.invoice_on
    return (
        wait.boundary_on if wait.autoinvoice else now().astimezone(ZoneInfo(client.timezone)).date()
    )


def _put_off(session: Session, wait: TaxWait, error: AppError) -> None:
    wait.lease_owner = ""
    wait.reason = error.text
    wait.reason_values = {name: audit.plain_value(one) for name, one in error.values.items()}
    wait.next_try_at = now() + delay_after(wait.attempts)
    session.flush()
    events.record(
        session,
        reseller_id=wait.reseller_id,
        client_id=wait.client_id,
        level="warning",
        service="invoicing",
        code="tax_waits",
        text=events.EventText(
            "The invoice for %(first)s to %(last)s waits for its taxes: %(reason)s It is tried"
            " again by itself.",
            first=wait.first_on,
            last=wait.last_on,
            reason=f"{error.message.rstrip('.')}.",
        ),
        object_type="client",
        object_id=wait.client_id,
        dedupe_key=f"tax-waits:{wait.id}:{now():%Y-%m-%d}",
    )


def _drop(session: Session, wait: TaxWait) -> None:
    """It waits no more; the client's next boundary may have passed meanwhile."""
    if wait.autoinvoice:
        jobs.enqueue(
            session,
            "billing.invoice_client",
            reseller_id=wait.reseller_id,
            client_id=wait.client_id,
        )
    session.delete(wait)
    session.flush()


def _enqueue(session: Session, wait: TaxWait) -> None:
    jobs.enqueue(session, JOB, reseller_id=wait.reseller_id, wait_id=str(wait.id))
