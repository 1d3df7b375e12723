"""Full Delete: remove a client for good (`domain.md` 15, decision 0018).

What stays is what the books and the law need: ledger, transactions, invoices with their files, all
held by the client's row without its name. Everything else that tells who it was goes, in one
transaction; the gateways are asked afterwards to forget its cards.
"""

from dataclasses import dataclass, field

from sqlalchemy import ARRAY, Text, delete, func, literal, select, update

from billing import ledger, voucher_redemptions
from billing.client_models import ClientLowBalance
from billing.invoice_models import Invoice
from billing.models import ClientBilling
from billing.suretax_models import TaxWait
from core import jobs
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from mail import traces as mail_traces
from payments import refills, refunds, wallets
from payments.dunning_models import AutoPaymentStep
from payments.models import ChargeAttempt, ClientAutoPayment, GatewayCustomer, Refill
from payments.refund_models import Refund
from tenants import audit, client_traces, sign_ups
from tenants.models import Client

# of a finished attempt nothing is asked anew: who and which card it was is needed no more
_WHO = ["customer_profile_ref", "payment_profile_ref", "client_ip"]


@dataclass(frozen=True, slots=True)
class Erased:
    """What went, by kind; `is_new` False: it was removed before."""

    client: Client
    is_new: bool
    gone: dict[str, int] = field(default_factory=dict)


def erase_client(session: Session, client_id: int, *, typed_name: str) -> Erased:
    """Remove the client for good; removing again changes nothing. Cannot be undone.

    `typed_name` is what staff typed to be sure. The caller ends and removes the panel's sessions
    after commit. Raises NotFoundError, InvalidInputError for another name, ConflictError while
    money is under way or a mail is being sent.
    """
    # the order of every posting: the balance first, then whatever points at the client
    ledger.lock_balance(session, client_id)
    client = _lock(session, client_id)
    if client.erased_at is not None:
        return Erased(client, is_new=False)
    if typed_name.split() != client.name.split():
        raise InvalidInputError("Type the name exactly as it is written above.", "typed")
    _refuse_money_under_way(session, client_id)
    gone = {
        "saved_cards": wallets.blank_cards(session, client_id),
        "mails": mail_traces.remove_words(session, client_id),
    }
    _blank_payments(session, client_id)
    _stop_invoicing(session, client_id)
    client_traces.remove_name(session, client)
    kept = select(Invoice.file_id).where(
        Invoice.client_id == client_id, Invoice.file_id.is_not(None)
    )
    gone |= client_traces.remove_traces(session, client, kept_files=kept)
    _record(session, client, gone)
    if _has_wallet(session, client_id):
        jobs.enqueue(session, wallets.JOB, reseller_id=client.reseller_id, client_id=client_id)
    return Erased(client, is_new=True, gone=gone)


def _lock(session: Session, client_id: int) -> Client:
    """The whole row: nothing that points at the client begins until this transaction ends."""
    client = session.scalar(
        select(Client)
        .where(Client.id == client_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if client is None:
        raise NotFoundError("Client not found.")
    return client


def _refuse_money_under_way(session: Session, client_id: int) -> None:
    count = session.scalar(
        select(func.count())
        .select_from(Refill)
        .where(Refill.client_id == client_id, Refill.state.in_(refills.OPEN_STATES))
    )
    going_back = session.scalar(
        select(func.count())
        .select_from(Refund)
        .where(Refund.client_id == client_id, Refund.state.in_(refunds.OPEN_STATES))
    )
    if going_back:
        raise ConflictError(
            "A refund to this client is under way. Wait until it has ended, or cancel it."
        )
    if count:
        raise ConflictError(
            "A card payment of this client is under way: nobody knows yet whether it took money."
            " Wait until it has ended."
        )


def _blank_payments(session: Session, client_id: int) -> None:
    """Amounts, states and references of payments stay; who paid with what does not."""
    session.execute(
        update(Refill)
        .where(Refill.client_id == client_id, Refill.source == "panel")
        .values(author="")
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(ChargeAttempt)
        .where(ChargeAttempt.client_id == client_id)
        .values(
            request=ChargeAttempt.request.op("-")(literal(_WHO, ARRAY(Text))),
            answer=ChargeAttempt.answer.op("-")(literal(["raw"], ARRAY(Text))),
        )
        .execution_options(synchronize_session=False)
    )
    # who switched it on and off; what was charged is told by the refills
    session.execute(
        delete(AutoPaymentStep)
        .where(AutoPaymentStep.client_id == client_id)
        .execution_options(synchronize_session=False)
    )
    voucher_redemptions.delete_of_client(session, client_id)
    sign_ups.delete_of_client(session, client_id)
    session.execute(
        update(Refund)
        .where(Refund.client_id == client_id)
        .values(
            request=Refund.request.op("-")(literal(["last_four"], ARRAY(Text))),
            answer=Refund.answer.op("-")(literal(["raw"], ARRAY(Text))),
        )
        .execution_options(synchronize_session=False)
    )
    session.execute(
        delete(ClientAutoPayment)
        .where(ClientAutoPayment.client_id == client_id)
        .execution_options(synchronize_session=False)
    )


def _stop_invoicing(session: Session, client_id: int) -> None:
    for table in (ClientLowBalance, TaxWait):
        session.execute(
            delete(table)
            .where(table.client_id == client_id)
            .execution_options(synchronize_session=False)
        )
    session.execute(
        update(ClientBilling)
        .where(ClientBilling.client_id == client_id)
        .values(autoinvoicing=False, next_invoice_at=None)
        .execution_options(synchronize_session=False)
    )


def _has_wallet(session: Session, client_id: int) -> bool:
    found = session.scalar(
        select(GatewayCustomer.client_id).where(GatewayCustomer.client_id == client_id).limit(1)
    )
    return found is not None


def _record(session: Session, client: Client, gone: dict[str, int]) -> None:
    # the log can never forget: it says what went, not what it said
    changes: dict[str, tuple[object, object]] = {"name": ("…", client.name)}
    changes |= {name: (count, 0) for name, count in gone.items() if count}
    audit.record(
        session,
        reseller_id=client.reseller_id,
        client_id=client.id,
        action="full_delete",
        object_type="client",
        object_id=client.id,
        object_label=client.name,
        changes=changes,
    )
