"""What SureTax is told of issued and voided invoices: transaction, call, transaction.

A filing carries a STAN of its invoice, by which SureTax knows it again: a worker killed after the
call files nothing twice. The filed taxes are compared with the printed ones; a difference is an
event for people, the invoice stays as it was issued.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from billing import suretax_accounts, suretax_requests, suretax_wire
from billing.invoice_models import Invoice
from billing.suretax_models import TaxFiling
from billing.suretax_wire import Answer, Credentials, Outcome
from core import jobs
from core.clock import now
from core.config import Settings
from core.db import Session
from core.errors import AppError, InvalidInputError, NotFoundError
from core.ids import new_token
from tenants import audit, events
from tenants.events import EventText, Level

JOB = "billing.file_tax"
DELAYS_MIN = (1, 5, 15, 60, 240, 720)
"""Minutes to the next try, growing; the last one for ever after."""
LEASE = timedelta(minutes=2)
UnitOfWork = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True, slots=True)
class _Claim:
    owner: str
    state: str
    who: Credentials
    question: Mapping[str, Any]
    filed_id: str
    number: str


def record_computed(
    session: Session,
    invoice: Invoice,
    *,
    transaction_id: UUID | None,
    question: dict[str, Any],
    answer: Answer,
) -> TaxFiling:
    """Freeze question and answer with a new invoice; one that is issued is filed soon."""
    filing = TaxFiling(
        invoice_id=invoice.id,
        reseller_id=invoice.reseller_id,
        client_id=invoice.client_id,
        state="computed",
        transaction_id=transaction_id,
        asked=question,
        answer=suretax_requests.freeze(answer),
        quote_id=answer.trans_id,
        tax=answer.total,
        next_try_at=now(),
    )
    session.add(filing)
    session.flush()
    if invoice.issued_at is not None:
        mark_issued(session, invoice)
    return filing


def mark_issued(session: Session, invoice: Invoice) -> None:
    """The invoice stands: SureTax is to have it in its reports."""
    filing = find_filing(session, invoice.id, for_update=True)
    if filing is not None and filing.state == "computed":
        _ask_for(session, filing, "to_file")


def mark_void(session: Session, invoice: Invoice) -> TaxFiling | None:
    """The invoice is void: what was filed is to be cancelled there. The filing, if there is one.

    One that is being filed at this moment is cancelled when the answer has come.
    """
    filing = find_filing(session, invoice.id, for_update=True)
    if filing is None or filing.state in ("to_cancel", "cancelled"):
        return filing
    if filing.state == "computed" or (filing.state == "to_file" and not filing.attempts):
        filing.state = "cancelled"
        session.flush()
    else:
        _ask_for(session, filing, "to_cancel", keep_lease=bool(filing.lease_owner))
    return filing


def tell_of_credit(session: Session, invoice: Invoice, *, note: str, tax: Decimal) -> None:
    """A credit note took taxes back that SureTax has in its reports: people have to say so there.

    SureTax wants a calculation of its own for that, whose taxes need not be those of the note.
    """
    filing = find_filing(session, invoice.id)
    if filing is None or filing.state == "cancelled":
        return
    _tell(
        session,
        filing,
        "warning",
        "tax_credited",
        EventText(
            "Credit note %(note)s took back %(tax)s of taxes that SureTax computed for invoice"
            " %(number)s: enter it in SureTax’s own portal.",
            note=note,
            tax=(tax, invoice.currency),
            number=invoice.number,
        ),
        f"tax-credited:{note}",
    )


def ask_again(session: Session, invoice_id: UUID) -> TaxFiling:
    """Try now what was put off; what is done stays done. Raises NotFoundError."""
    filing = find_filing(session, invoice_id, for_update=True)
    if filing is None:
        raise NotFoundError("SureTax computed no taxes for this invoice.")
    if filing.state in ("to_file", "to_cancel") and not filing.lease_owner:
        _ask_for(session, filing, filing.state)
    return filing


def find_filing(
    session: Session, invoice_id: UUID, *, for_update: bool = False
) -> TaxFiling | None:
    """What SureTax said of the invoice; None when it was not asked."""
    query = select(TaxFiling).where(TaxFiling.invoice_id == invoice_id)
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalar(query)


def tell(unit_of_work: UnitOfWork, invoice_id: UUID, *, settings: Settings) -> bool:
    """File or cancel if it is due; whether SureTax was asked."""
    owner = new_token()
    with unit_of_work() as session:
        claim = _claim(session, invoice_id, owner, settings)
    if claim is None:
        return False
    if claim.state == "to_file" or not claim.filed_id:
        # one whose answer was lost is asked for again: its STAN says whether it stands there
        answer = suretax_wire.calculate(claim.who, claim.question)
    else:
        answer = suretax_wire.cancel(claim.who, claim.filed_id, claim.number)
    with unit_of_work() as session:
        _record(session, invoice_id, claim, answer)
    return True


def _claim(session: Session, invoice_id: UUID, owner: str, settings: Settings) -> _Claim | None:
    filing = find_filing(session, invoice_id, for_update=True)
    if filing is None or filing.state not in ("to_file", "to_cancel"):
        return None
    if filing.next_try_at > now():
        return None
    invoice = session.scalars(select(Invoice).where(Invoice.id == invoice_id)).one()
    account = suretax_accounts.find_account(session, filing.reseller_id)
    filing.attempts += 1
    try:
        if account is None or not account.enabled:
            raise InvalidInputError("SureTax is not set up, or is switched off.")
        who = suretax_accounts.open_account(account, settings)
        question = suretax_requests.as_filing(
            filing.asked, number=invoice.number, invoice_id=invoice.id
        )
    except AppError as error:
        _put_off(session, filing, error)
        return None
    filing.lease_owner, filing.next_try_at = owner, now() + LEASE
    session.flush()
    return _Claim(owner, filing.state, who, question, filing.filed_id, invoice.number)


def _record(session: Session, invoice_id: UUID, claim: _Claim, answer: Answer) -> None:
    filing = find_filing(session, invoice_id, for_update=True)
    if filing is None or filing.lease_owner != claim.owner:
        return  # the lease ran out and somebody else reports
    filing.lease_owner = ""
    if claim.state == "to_cancel" and claim.filed_id:
        _record_cancelled(session, filing, claim, answer)
    elif answer.outcome is Outcome.DONE:
        _record_filed(session, filing, claim, answer)
    elif answer.outcome is Outcome.REPEATED:
        _record_repeated(session, filing, claim)
    else:
        _put_off(session, filing, trouble(answer))
    session.flush()


def _record_filed(session: Session, filing: TaxFiling, claim: _Claim, answer: Answer) -> None:
    filing.filed_id, filing.filed_tax, filing.filed_at = answer.trans_id, answer.total, now()
    _record_audit(session, filing, claim, answer.trans_id)
    if answer.total != filing.tax:
        _tell(
            session,
            filing,
            "error",
            "tax_differs",
            EventText(
                "Invoice %(number)s was filed at SureTax with %(filed)s of taxes, it says %(tax)s.",
                number=claim.number,
                filed=f"{answer.total:f}",
                tax=f"{filing.tax:f}",
            ),
            f"tax-differs:{filing.invoice_id}",
        )
    if filing.state == "to_cancel":
        # it was voided while it was being filed
        _ask_for(session, filing, "to_cancel")
    else:
        _close(filing)


def _record_repeated(session: Session, filing: TaxFiling, claim: _Claim) -> None:
    """It was filed before and its answer was lost: under which TransId is not known here."""
    filing.filed_at = filing.filed_at or now()
    if filing.state == "to_file":
        _close(filing)
        return
    filing.state = "cancelled"
    filing.reason = (
        "SureTax filed this invoice, but its answer was lost: cancel it in SureTax’s own portal."
    )
    _tell(
        session,
        filing,
        "error",
        "tax_not_cancelled",
        EventText(
            "Invoice %(number)s is void, but SureTax’s answer to its filing was lost: cancel it in"
            " SureTax’s own portal.",
            number=claim.number,
        ),
        f"tax-not-cancelled:{filing.invoice_id}",
    )


def _record_cancelled(session: Session, filing: TaxFiling, claim: _Claim, answer: Answer) -> None:
    if answer.outcome is Outcome.DONE:
        filing.state, filing.reason, filing.reason_values = "cancelled", "", {}
        _record_audit(session, filing, claim, claim.filed_id)
    elif answer.code == suretax_wire.TOO_OLD:
        filing.state = "cancelled"
        filing.reason = "SureTax cancels nothing older than 60 days: correct it in its own portal."
        _tell(
            session,
            filing,
            "error",
            "tax_not_cancelled",
            EventText(
                "Invoice %(number)s is void, but SureTax cancels nothing older than 60 days:"
                " correct it in SureTax’s own portal.",
                number=claim.number,
            ),
            f"tax-not-cancelled:{filing.invoice_id}",
        )
    else:
        _put_off(session, filing, trouble(answer))


def trouble(answer: Answer) -> InvalidInputError:
    """Why an answer is of no use, in our words around SureTax's own."""
    if answer.outcome is Outcome.REFUSED:
        return InvalidInputError(
            "SureTax refuses it: %(code)s %(said)s", code=answer.code, said=answer.text
        )
    return InvalidInputError("SureTax does not answer: %(said)s", said=answer.text)


def delay_after(attempts: int) -> timedelta:
    """How long to wait after so many tries."""
    return timedelta(minutes=DELAYS_MIN[min(max(attempts, 1), len(DELAYS_MIN)) - 1])


def _ask_for(session: Session, filing: TaxFiling, state: str, *, keep_lease: bool = False) -> None:
    filing.state, filing.reason, filing.reason_values = state, "", {}
    if not keep_lease:
        filing.next_try_at = now()
    session.flush()
    jobs.enqueue(session, JOB, reseller_id=filing.reseller_id, invoice_id=str(filing.invoice_id))


def _close(filing: TaxFiling) -> None:
    filing.state, filing.reason, filing.reason_values = "filed", "", {}


def _put_off(session: Session, filing: TaxFiling, error: AppError) -> None:
    filing.reason = error.text
    filing.reason_values = {name: audit.plain_value(one) for name, one in error.values.items()}
    filing.next_try_at = now() + delay_after(filing.attempts)
    session.flush()
    _tell(
        session,
        filing,
        "warning",
        "tax_not_filed",
        EventText(
            "SureTax was not told of an invoice: %(reason)s It is tried again by itself.",
            reason=f"{error.message.rstrip('.')}.",
        ),
        f"tax-not-filed:{filing.invoice_id}:{now():%Y-%m-%d}",
    )


def _record_audit(session: Session, filing: TaxFiling, claim: _Claim, trans_id: str) -> None:
    audit.record(
        session,
        reseller_id=filing.reseller_id,
        client_id=filing.client_id,
        action="cancel_tax" if claim.state == "to_cancel" and claim.filed_id else "file_tax",
        object_type="invoice",
        object_id=filing.invoice_id,
        object_label=claim.number,
        changes={"trans_id": (None, trans_id)},
    )


def _tell(
    session: Session, filing: TaxFiling, level: Level, code: str, text: EventText, key: str
) -> None:
    events.record(
        session,
        reseller_id=filing.reseller_id,
        client_id=filing.client_id,
        level=level,
        service="invoicing",
        code=code,
        text=text,
        object_type="invoice",
        object_id=filing.invoice_id,
        dedupe_key=key,
    )
