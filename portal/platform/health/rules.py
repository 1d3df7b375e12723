"""What each rule that must hold means, for who has to act when it does not."""

from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l


@dataclass(frozen=True, slots=True)
class Words:
    """`title` says what holds; `look` where to begin when it does not."""

    title: LazyString
    look: LazyString


GROUPS: dict[int, LazyString] = {
    1: _l("Every entry of the ledger sums to zero"),
    2: _l("Every stored balance is the sum of its entries"),
    3: _l("No card is charged twice, and what was charged is booked"),
    4: _l("No payment stays open for ever"),
    5: _l("No day is invoiced twice or left out"),
    6: _l("Every charge is on one invoice at most, and on its own client’s"),
    7: _l("Invoice numbers have no gaps"),
    8: _l("Every invoice is the sum of its parts"),
    9: _l("Every mail is sent, and sent once"),
    10: _l("Every word of a gateway counts once"),
    11: _l("The audit log is whole, and every act is in it"),
    12: _l("No row of a reseller points into another’s"),
    13: _l("Nothing waits for long"),
    14: _l("Every file belongs somewhere and is what it was"),
    15: _l("Every task tells of all that was chosen"),
}
_LEDGER = _l("Open the ledger check of the reseller; it names the figures.")
_OUTSIDE = _l(
    "The program refuses this. Look for a change made in the database from outside, and compare"
    " with a backup."
)
_WORKER = _l("Look at the queues: is a worker running, and does the scheduler ask it?")
RULES: dict[str, Words] = {
    "entry_unbalanced": Words(_l("The lines of each entry cancel out"), _OUTSIDE),
    "currency_unbalanced": Words(_l("The lines of each currency cancel out"), _OUTSIDE),
    "balance_differs": Words(_l("Live, Fixed and Available of each client are right"), _LEDGER),
    "charged_twice": Words(
        _l("Each refill was charged once at most"),
        _l("Find the two charges at the gateway and give one back."),
    ),
    "charge_not_booked": Words(
        _l("Each charged refill is on the client’s balance, to the cent"),
        _l("Compare the refill with its charge at the gateway, then book or reverse by hand."),
    ),
    "booked_without_charge": Words(
        _l("Each refill on a balance was charged"),
        _l("Find the charge at the gateway; if there is none, reverse the entry."),
    ),
    "succeeded_without_attempt": Words(_l("Each refill that succeeded has its attempt"), _OUTSIDE),
    "refund_not_booked": Words(
        _l("Each refund is booked, and nothing else was given back"),
        _l("Compare the refund with the gateway’s own list, then book or reverse by hand."),
    ),
    "returned_differs": Words(
        _l("What is left of each refill is right"),
        _OUTSIDE,
    ),
    "refill_too_old": Words(
        _l("No refill is open for longer than the gateway can tell about it"),
        _l("Ask the gateway by hand what became of the charge."),
    ),
    "periods_overlap": Words(
        _l("The periods of a client’s invoices do not overlap"),
        _l("Credit the later invoice and tell the client."),
    ),
    "last_invoiced_behind": Words(
        _l("Last Invoiced is the last day that an invoice covers, or later"),
        _l("Set Last Invoiced of the client to the last day of its newest invoice."),
    ),
    "charge_misplaced": Words(_l("Each charge is on an invoice of its own client"), _OUTSIDE),
    "numbers_have_gaps": Words(
        _l("Running numbers follow each other"),
        _l("Look for an invoice that was deleted in the database; tax offices will ask."),
    ),
    "invoice_sums_differ": Words(_l("Net, tax and total are those of the lines"), _LEDGER),
    "paid_differs": Words(_l("What is paid is what was allocated"), _LEDGER),
    "invoice_without_mail": Words(
        _l("Each invoice marked as sent has its mail"),
        _l("Send the invoice again from its page."),
    ),
    "mail_sent_without_try": Words(_l("Each sent mail was handed over"), _OUTSIDE),
    "mail_left_after_its_body": Words(_l("A mail whose answer was lost is settled"), _WORKER),
    "event_twice": Words(_l("Each event of a gateway is kept and booked once"), _OUTSIDE),
    "audit_chain_incomplete": Words(
        _l("The chain has a record for each of its seals"),
        _l("Run `portal audit verify` on the server; it names the first record."),
    ),
    "audit_chain_broken": Words(
        _l("The last proof of each chain held"),
        _l("Run `portal audit verify` on the server; it names the first record."),
    ),
    "audit_unsealed": Words(_l("Each record is sealed soon"), _WORKER),
    "act_without_record": Words(
        _l("Suspended resellers and issued invoices have their record"), _OUTSIDE
    ),
    "row_of_another_tenant": Words(
        _l("Each reference leads to a row of the same reseller"), _OUTSIDE
    ),
    "mail_waits": Words(_l("Mail that is due is tried within a quarter of an hour"), _WORKER),
    "invoice_due": Words(_l("Invoices that are due are made within the hour"), _WORKER),
    "invoice_without_file": Words(_l("Issued invoices get their file within the hour"), _WORKER),
    "payment_waits": Words(
        _l("Payments and words of gateways are looked at within a quarter of an hour"), _WORKER
    ),
    "orphan_file": Words(
        _l("Each file is named by something"),
        _l("Nothing is lost by it: a row that named the file was removed."),
    ),
    "file_changed": Words(_l("New files have the bytes that were stored"), _OUTSIDE),
    "task_counts_differ": Words(
        _l("Made, changed, unchanged, left out and failed are all that was chosen"),
        _l("Open the task and compare its result with what was chosen."),
    ),
    "task_unfinished": Words(_l("A task that is done has no unfinished part"), _WORKER),
}
