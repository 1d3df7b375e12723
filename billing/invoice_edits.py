"""One action on many invoices: who it changes, who is left out and why, and the change itself."""

from dataclasses import dataclass
from uuid import UUID

from billing import invoice_mailing, invoice_voiding, invoices
from billing.invoice_models import Invoice
from billing.invoices import OUTGOING
from core.db import Session
from core.errors import InvalidInputError

ACTIONS = ("issue", "mark_sent", "regenerate", "void")


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be done; `reason` is for voiding only."""

    action: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """`state` as of a task's item: changed, unchanged or left_out, with the reason."""

    state: str
    reason: str = ""


_CHANGED, _UNCHANGED = Decision("changed"), Decision("unchanged")
_VOID = Decision("left_out", "The invoice is void.")


def check_wish(wish: Wish) -> None:
    """Raises InvalidInputError for what cannot be asked for."""
    if wish.action not in ACTIONS:
        raise InvalidInputError("Choose what to do.", "action")
    if wish.action == "void":
        invoice_voiding.checked_reason(wish.reason)


def decide(invoice: Invoice, wish: Wish) -> Decision:
    """What the wish would do to the invoice as it is now."""
    if wish.action == "void":
        return _decide_void(invoice)
    if invoice.state == "void":
        return _VOID
    if wish.action == "issue":
        return _CHANGED if invoice.state == "to_verify" else _UNCHANGED
    if wish.action == "regenerate":
        if invoice.state == "to_verify" and invoice.direction == OUTGOING:
            return _CHANGED
        return Decision("left_out", "It is issued already.")
    return _decide_sent(invoice)


def apply(session: Session, invoice_id: UUID, wish: Wish) -> None:
    """Do it; raises what the single action raises."""
    if wish.action == "issue":
        invoices.issue(session, invoice_id)
    elif wish.action == "mark_sent":
        invoice_mailing.mark_sent(session, invoice_id)
    elif wish.action == "regenerate":
        invoice_voiding.regenerate(session, invoice_id)
    else:
        invoice_voiding.void_invoice(session, invoice_id, reason=wish.reason)


def _decide_void(invoice: Invoice) -> Decision:
    if invoice.state == "void":
        return _UNCHANGED
    if invoice.credited:
        return Decision("left_out", "Credit notes correct it already.")
    return _CHANGED


def _decide_sent(invoice: Invoice) -> Decision:
    if invoice.state == "normal":
        return _UNCHANGED
    if invoice.state == "to_verify":
        return Decision("left_out", "It waits to be verified.")
    if invoice.file_id is None:
        return Decision("left_out", "Its file is not made yet.")
    return _CHANGED
