"""What each rule of the ledger check means, for who has to act on its findings."""

from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l


@dataclass(frozen=True, slots=True)
class Rule:
    """`means` says what is wrong when the rule is broken, `look` where to begin."""

    title: LazyString
    means: LazyString
    look: LazyString


RULES: dict[str, Rule] = {
    "entry_unbalanced": Rule(
        _l("An entry does not sum to zero"),
        _l(
            "The lines of an entry must cancel out. The database refuses anything else, so a row "
            "was changed from outside or its trigger was off."
        ),
        _l("Compare the entry with a backup and with the server's log of that day."),
    ),
    "balance_differs": Rule(
        _l("A stored balance is not the sum of its lines"),
        _l(
            "Live or Fixed of a client is another figure than its lines make. Screens and "
            "automatic charges read the stored one."
        ),
        _l(
            "Stop automatic charging of the client, then look for a write to client_balances "
            "beside the posting function."
        ),
    ),
    "running_balance_differs": Rule(
        _l("A running balance does not follow the one before"),
        _l(
            "A line's balance after it is not the balance before it and its amount: entries were "
            "posted out of order, or a line is missing."
        ),
        _l("Look at the entries around the one named."),
    ),
    "transaction_not_posted": Rule(
        _l("A transaction and its posting differ"),
        _l(
            "An approved transaction has no entry or one of another amount, or a pending one has "
            "been posted."
        ),
        _l("Open the transaction and reverse or post it by hand, with a reason."),
    ),
    "entry_without_source": Rule(
        _l("An entry has no source"),
        _l("Money moved on a balance, and neither a transaction nor an issued invoice says why."),
        _l("Find out who posted it; a reversal takes it back."),
    ),
    "opening_balance_not_posted": Rule(
        _l("An opening balance and its posting differ"),
        _l(
            "An opening balance has not moved both books by its amount, or one that is reversed "
            "still does."
        ),
        _l("Open the opening balance and reverse it by hand, with a reason."),
    ),
    "void_not_reversed": Rule(
        _l("A void invoice still counts"),
        _l("An invoice is void, and Fixed does not have its total back."),
        _l("Compare the entry of the invoice with the reversal of the same id."),
    ),
    "credit_note_not_posted": Rule(
        _l("A credit note and its posting differ"),
        _l("A credit note has not given its amounts back in both books."),
        _l("Open its invoice and compare the note with the entry of the same id."),
    ),
    "credited_differs": Rule(
        _l("What is credited on an invoice differs"),
        _l("The credit notes of an invoice do not come to what it has as credited."),
        _l("Open the invoice: its credit notes stand below what is paid."),
    ),
    "invoice_not_posted": Rule(
        _l("An invoice and its posting differ"),
        _l("An issued invoice has not reduced Fixed by its total, or one that is not issued has."),
        _l("Open the invoice and compare its total with the entry of the same id."),
    ),
    "invoice_sums_differ": Rule(
        _l("An invoice is not the sum of its parts"),
        _l(
            "Net and tax of an invoice differ from its lines, its taxes or the charges on it. The "
            "document that was sent may be wrong."
        ),
        _l("Compare the stored file with the lines before the client does."),
    ),
    "numbers_have_gaps": Rule(
        _l("Invoice numbers have gaps"),
        _l(
            "Running numbers must follow each other without gaps. One is missing or was given "
            "twice."
        ),
        _l("Look for an invoice that was deleted in the database; tax offices will ask."),
    ),
    "paid_differs": Rule(
        _l("What is paid on an invoice differs"),
        _l(
            "The paid amount of an invoice is not what payments were allocated to it. Reminders "
            "and due amounts read it."
        ),
        _l("Compare the allocations of the invoice with its payments."),
    ),
    "payment_overspent": Rule(
        _l("A payment is spent more than once"),
        _l(
            "More of a payment is allocated to invoices than came in: an invoice counts as paid "
            "that is not."
        ),
        _l("Take back the newest allocation of the payment."),
    ),
    "last_invoiced_behind": Rule(
        _l("Last Invoiced lies before an invoice"),
        _l(
            "A client was invoiced to a later day than its Last Invoiced says: days could be "
            "billed twice."
        ),
        _l("Set Last Invoiced of the client to the last day of its newest invoice."),
    ),
}
UNKNOWN = Rule(
    _l("A rule of another release"),
    _l("This release has no explanation of the rule; what it found is below."),
    _l("Compare the releases of the web server and of the workers."),
)


def explain(rule: str) -> Rule:
    """What the rule means; a text that says so for one that nobody knows."""
    return RULES.get(rule, UNKNOWN)
