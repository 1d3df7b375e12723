"""Recurring work in plain words, for people who do not know the program from inside."""

from flask import Flask
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

WORDS: dict[str, LazyString] = {
    "audit.unsealed": _l("Seal new records of the audit log"),
    "audit.unverified": _l("Prove the audit log once a day"),
    "billing.credit_notes": _l("Make files and mails of credit notes"),
    "billing.due": _l("Make the invoices that are due"),
    "billing.ledger_check": _l("Check the ledgers once a day"),
    "billing.low_balance": _l("Notice balances that are low"),
    "billing.reminders": _l("Remind clients of open invoices"),
    "billing.subscriptions": _l("Charge the periods of subscriptions"),
    "billing.reports": _l("Mail the reports that are due"),
    "billing.tax_filings": _l("Tell SureTax of invoices"),
    "billing.tax_waits": _l("Ask SureTax for the taxes of invoices that wait"),
    "billing.unfinished": _l("Make files and mails of issued invoices"),
    "events.untold": _l("Tell people of events"),
    "housekeeping.sign_in": _l("Forget old sign-ins"),
    "invariants.due": _l("Ask what must hold, every hour"),
    "mail.queued": _l("Send the mail that waits"),
    "payments.auto_charges": _l("Charge cards automatically"),
    "payments.events": _l("Handle what gateways have told"),
    "payments.expiring_cards": _l("Tell of cards that expire soon"),
    "payments.rechecks": _l("Look a last time at payment pages that have ended"),
    "payments.nights": _l("Compare with gateways once a night"),
    "payments.reconciliations": _l("Go on with comparisons that nobody is at"),
    "payments.refills": _l("Charge refills, and ask what became of them"),
    "payments.untold": _l("Tell clients of their saved cards"),
    "payments.refunds": _l("Give payments back, and ask what became of that"),
    "payments.wallets": _l("Let gateways forget clients who were removed for good"),
    "sign_ups.expired": _l("Forget sign-ups that nobody confirmed"),
    "sign_ups.unmade": _l("Make the clients of sign-ups"),
    "tasks.expired": _l("Forget the files of old tasks"),
    "tasks.stuck": _l("Go on with tasks that nobody is at"),
    "vouchers.expired": _l("Let vouchers expire"),
    "vouchers.forgotten": _l("Forget PINs that nobody took out"),
    "vouchers.redemptions": _l("Redeem vouchers"),
    "webhooks.expired": _l("Forget old messages of webhooks"),
    "webhooks.untold": _l("Write messages for webhooks"),
    "webhooks.waiting": _l("Send messages of webhooks"),
}


def say_sweep(name: str) -> str:
    """What the work does; its own name for work of another release."""
    words = WORDS.get(name)
    return name if words is None else str(words)


def init_app(app: Flask) -> None:
    """Make it known to templates."""
    app.jinja_env.globals["say_sweep"] = say_sweep
