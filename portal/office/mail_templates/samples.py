"""Values for a trial of a letter: a client's own where it has them, examples for the rest."""

from collections.abc import Mapping

from sqlalchemy import select

from billing.invoice_mailing import letter_variables
from billing.invoice_models import Invoice
from core.db import Session
from mail.letter_catalogue import LetterKind
from payments.models import Refill, SavedCard
from payments.notices import describe_card
from portal.office import client_choice
from portal.office.client_choice import ChosenClient
from tenants import client_blocks
from tenants.models import ClientLogin, Reseller


def find_client(session: Session, reseller_id: int, words: str) -> ChosenClient | None:
    """The reseller's client that a name or number means; None when there is none."""
    if not words.strip():
        return None
    found = client_choice.search_clients(session, words)
    return next((one for one in found if one.reseller_id == reseller_id), None)


def make_sample(
    session: Session, letter: LetterKind, reseller: Reseller, client: ChosenClient | None
) -> dict[str, object]:
    """A value for each variable of the letter, of the type that is sent."""
    sender = reseller.company_name or reseller.name
    values: dict[str, object] = {
        **letter.examples(),
        "sender_name": sender,
        "currency": reseller.currency,
        "account_details": reseller.account_details,
    }
    if client is not None:
        for found in (
            _of_client(session, client),
            _of_invoice(session, client),
            _of_payment(session, client),
        ):
            values.update(found)
    return {one.name: values[one.name] for one in letter.variables}


def _of_client(session: Session, client: ChosenClient) -> Mapping[str, object]:
    company = client_blocks.get_company(session, client.id)
    name = company.company_name or client.name
    login = session.scalar(
        select(ClientLogin.login).where(ClientLogin.client_id == client.id, ClientLogin.enabled)
    )
    values: dict[str, object] = {
        "client_name": name,
        "name": name,
        "currency": client.currency,
        "timezone": client.timezone,
    }
    if login:
        values["login"] = login
    return values


def _of_invoice(session: Session, client: ChosenClient) -> Mapping[str, object]:
    invoice = session.scalar(
        select(Invoice)
        .where(Invoice.client_id == client.id, Invoice.direction == "outgoing")
        .order_by(Invoice.created_at.desc())
        .limit(1)
    )
    return {} if invoice is None else letter_variables(invoice)


def _of_payment(session: Session, client: ChosenClient) -> Mapping[str, object]:
    row = session.execute(
        select(Refill, SavedCard)
        .outerjoin(SavedCard, SavedCard.id == Refill.saved_card_id)
        .where(Refill.client_id == client.id)
        .order_by(Refill.created_at.desc())
        .limit(1)
    ).first()
    if row is None:
        return {}
    refill, card = row
    return {
        "amount": refill.amount,
        "credited": refill.credited or refill.amount,
        "currency": refill.currency,
        "is_partial": 0 < refill.credited < refill.amount,
        "card": describe_card(card),
        "is_bank": card is not None and card.kind == "bank_account",
        "reference": str(refill.id),
        **({"reason": refill.reason} if refill.reason else {}),
    }
