"""Which field a column of a bank statement probably is, by its heading, and how it was before."""

from collections.abc import Mapping, Sequence

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from billing import opening_import, payment_import
from billing.statement_rows import OPENING_FIELDS, PAYMENT_FIELDS
from core.clock import now
from core.db import Session
from core.names import sort_key
from core.tenancy import current_scope
from tenants.task_models import ImportMapping

FIELDS: Mapping[str, Sequence[str]] = {
    payment_import.KIND: PAYMENT_FIELDS,
    opening_import.KIND: OPENING_FIELDS,
}
LABELS: Mapping[str, LazyString] = {
    "date": _l("Day"),
    "amount": _l("Amount"),
    "currency": _l("Currency"),
    "text": _l("Text"),
    "payer": _l("Payer"),
    "payer_account": _l("Payer's account"),
    "client": _l("Client's ID or name"),
    "client_id": _l("Client's ID"),
    "reference": _l("Bank's reference"),
}
_SYNONYMS = {
    "date": "date", "day": "date", "booking date": "date", "value date": "date", "datum": "date",
    "buchungstag": "date", "valuta": "date", "buchungsdatum": "date", "transaction date": "date",
    "amount": "amount", "betrag": "amount", "credit": "amount", "umsatz": "amount",
    "balance": "amount", "opening balance": "amount",
    "currency": "currency", "wahrung": "currency", "waehrung": "currency",
    "text": "text", "description": "text", "details": "text", "purpose": "text", "memo": "text",
    "verwendungszweck": "text", "remittance information": "text", "narrative": "text",
    "payer": "payer", "name": "payer", "sender": "payer", "auftraggeber": "payer",
    "counterparty": "payer", "debtor": "payer", "zahlungspflichtiger": "payer",
    "iban": "payer_account", "payer account": "payer_account", "account": "payer_account",
    "kontonummer": "payer_account", "account number": "payer_account",
    "client": "client", "client name": "client", "customer": "client", "kunde": "client",
    "client id": "client_id", "id": "client_id", "customer id": "client_id",
    "reference": "reference", "bank reference": "reference", "transaction id": "reference",
    "referenz": "reference", "end to end id": "reference",
}  # fmt: skip


def guess_fields(session: Session, kind: str, headings: Sequence[str]) -> list[str]:
    """A key for each column, each key once; empty for a column that nobody knows."""
    remembered = _read_remembered(session, kind, headings)
    taken = set[str]()
    guessed = []
    for heading in headings:
        key = remembered.get(_stored(kind, heading), _SYNONYMS.get(_plain(heading), ""))
        if kind == opening_import.KIND and key == "payer":
            key = "client"
        if kind == payment_import.KIND and key == "client_id":
            key = "client"
        is_usable = key in FIELDS[kind] and key not in taken
        guessed.append(key if is_usable else "")
        taken.add(key)
    return guessed


def remember_fields(
    session: Session, kind: str, headings: Sequence[str], fields: Sequence[str]
) -> None:
    """Keep how somebody matched these headings, for the next file of this reseller."""
    pairs = {_stored(kind, one): key for one, key in zip(headings, fields, strict=False) if one}
    if not pairs:
        return
    home, at = current_scope().home_reseller_id, now()
    wanted = insert(ImportMapping).values(
        [
            {"reseller_id": home, "heading": heading, "field": key, "updated_at": at}
            for heading, key in pairs.items()
        ]
    )
    session.execute(
        wanted.on_conflict_do_update(
            index_elements=["reseller_id", "heading"],
            set_={"field": wanted.excluded.field, "updated_at": wanted.excluded.updated_at},
        )
    )


def _read_remembered(session: Session, kind: str, headings: Sequence[str]) -> dict[str, str]:
    rows = session.execute(
        select(ImportMapping.heading, ImportMapping.field).where(
            ImportMapping.reseller_id == current_scope().home_reseller_id,
            ImportMapping.heading.in_([_stored(kind, one) for one in headings]),
        )
    )
    return {row[0]: row[1] for row in rows}


def _stored(kind: str, heading: str) -> str:
    """The same heading may mean another field in a file of clients."""
    return f"{kind}: {_plain(heading)}"


def _plain(heading: str) -> str:
    return sort_key(heading.replace("_", " ").replace("-", " "))[:200]
