"""Words and colours of the back office for states that several screens show."""

from flask import Flask
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

Word = tuple[LazyString, str]

WORDS: dict[str, dict[str, Word]] = {
    "client": {
        "active": (_l("active"), "ok"),
        "stop": (_l("stopped"), "warn"),
        "deleted": (_l("deleted"), "off"),
    },
    "transaction": {
        "pending": (_l("pending"), "warn"),
        "approved": (_l("approved"), "ok"),
    },
    "kind": {
        "payment": (_l("Payment"), "ok"),
        "refund": (_l("Refund"), "warn"),
        "chargeback": (_l("Chargeback"), "bad"),
        "chargeback_reversal": (_l("Chargeback won"), "ok"),
        "extra_charge": (_l("Extra charge"), "info"),
        "services_charge": (_l("Services charge"), "info"),
        "package_fee": (_l("Package fee"), "info"),
    },
    "entry": {
        "opening_balance": (_l("Opening balances"), "off"),
        "payment": (_l("Payments"), "ok"),
        "refill": (_l("Card refills"), "ok"),
        "refund": (_l("Refunds"), "warn"),
        "chargeback": (_l("Chargebacks"), "bad"),
        "chargeback_reversal": (_l("Chargebacks won"), "ok"),
        "voucher": (_l("Vouchers"), "ok"),
        "charge": (_l("Charges"), "info"),
        "invoice": (_l("Invoices"), "info"),
        "credit_note": (_l("Credit notes"), "info"),
        "reversal": (_l("Reversals"), "warn"),
    },
    "movement": {
        "opening_balance": (_l("Opening balances"), "off"),
        "payment": (_l("Payments"), "ok"),
        "refund": (_l("Refunds"), "warn"),
        "chargeback": (_l("Chargebacks"), "bad"),
        "chargeback_reversal": (_l("Chargebacks won"), "ok"),
        "extra_charge": (_l("Extra charges"), "info"),
        "services_charge": (_l("Services charges"), "info"),
        "package_fee": (_l("Package fees"), "info"),
        "invoice": (_l("Invoices"), "info"),
        "credit_note": (_l("Credit notes"), "info"),
        "reversal": (_l("Reversals"), "warn"),
    },
    "sign_up": {
        "unconfirmed": (_l("not confirmed"), "off"),
        "waiting": (_l("waits for approval"), "warn"),
        "making": (_l("being made"), "info"),
        "done": (_l("is a client"), "ok"),
        "refused": (_l("refused"), "off"),
    },
    "voucher": {
        "new": (_l("new"), "info"),
        "active": (_l("active"), "ok"),
        "redeemed": (_l("redeemed"), "off"),
        "blocked": (_l("blocked"), "warn"),
        "expired": (_l("expired"), "off"),
    },
    "package": {
        "active": (_l("active"), "ok"),
        "disabled": (_l("not offered"), "warn"),
        "archived": (_l("archived"), "off"),
    },
    "subscription": {
        "pending": (_l("pending"), "warn"),
        "active": (_l("active"), "ok"),
        "archived": (_l("ended"), "off"),
    },
    "subscription_ending": {
        "stopped": (_l("stopped"), "off"),
        "cancelled": (_l("cancelled"), "off"),
        "ran_out": (_l("had its last renewal"), "off"),
        "changed": (_l("changed for another package"), "off"),
    },
    "usage_unit": {
        "second": (_l("seconds"), "info"),
        "unit": (_l("units"), "info"),
    },
    "invoice": {
        "to_verify": (_l("to verify"), "warn"),
        "to_send": (_l("to send"), "info"),
        "normal": (_l("sent"), "ok"),
        "void": (_l("void"), "off"),
    },
    "invoice_in": {
        "to_verify": (_l("to verify"), "warn"),
        "normal": (_l("accepted"), "ok"),
        "void": (_l("void"), "off"),
    },
    "invoice_action": {
        "issue": (_l("Issue and send"), "info"),
        "mark_sent": (_l("Mark as sent"), "info"),
        "regenerate": (_l("Make anew"), "info"),
        "void": (_l("Void"), "warn"),
    },
    "direction": {
        "outgoing": (_l("Outgoing"), "off"),
        "incoming": (_l("Incoming"), "info"),
    },
    "reminder": {
        "sent": (_l("sent"), "ok"),
        "passed": (_l("not sent: its day has passed"), "off"),
        "no_address": (_l("not sent: no e-mail address"), "warn"),
        "planned": (_l("planned"), "info"),
        "off": (_l("not needed any more"), "off"),
    },
    "paid": {
        "draft": (_l("not issued"), "off"),
        "unpaid": (_l("unpaid"), "info"),
        "part": (_l("partly paid"), "info"),
        "overdue": (_l("overdue"), "bad"),
        "paid": (_l("paid"), "ok"),
        "credited": (_l("credited"), "off"),
        "void": (_l("void"), "off"),
    },
    "paid_in": {
        "draft": (_l("not accepted"), "off"),
        "unpaid": (_l("we owe it"), "info"),
        "part": (_l("partly paid"), "info"),
        "overdue": (_l("overdue"), "bad"),
        "paid": (_l("paid"), "ok"),
        "credited": (_l("credited"), "off"),
        "void": (_l("void"), "off"),
    },
    "refill": {
        "requested": (_l("requested"), "info"),
        "processing": (_l("processing"), "info"),
        "held": (_l("held"), "warn"),
        "unknown": (_l("unknown"), "warn"),
        "succeeded": (_l("succeeded"), "ok"),
        "declined": (_l("declined"), "bad"),
        "failed": (_l("failed"), "bad"),
        "abandoned": (_l("abandoned"), "off"),
    },
    "refund": {
        "requested": (_l("requested"), "info"),
        "processing": (_l("processing"), "info"),
        "unknown": (_l("unknown"), "warn"),
        "succeeded": (_l("succeeded"), "ok"),
        "failed": (_l("failed"), "bad"),
        "cancelled": (_l("cancelled"), "off"),
    },
    "refund_kind": {
        "refund": (_l("Refund"), "info"),
        "void": (_l("Void"), "info"),
    },
    "reconciliation": {
        "requested": (_l("requested"), "info"),
        "running": (_l("running"), "info"),
        "done": (_l("done"), "ok"),
        "failed": (_l("failed"), "bad"),
    },
    "attempt": {
        "sending": (_l("being sent"), "info"),
        "unknown": (_l("unknown"), "warn"),
        "held": (_l("held"), "warn"),
        "succeeded": (_l("succeeded"), "ok"),
        "declined": (_l("declined"), "bad"),
        "not_charged": (_l("not charged"), "off"),
    },
    "auto_step": {
        "on": (_l("switched on"), "ok"),
        "off": (_l("switched off"), "off"),
        "asked": (_l("charge asked for"), "info"),
        "received": (_l("received"), "ok"),
        "declined": (_l("declined"), "bad"),
        "failed": (_l("failed"), "warn"),
        "held_back": (_l("held back"), "warn"),
        "suspended": (_l("suspended"), "bad"),
        "resumed": (_l("resumed"), "ok"),
        "card": (_l("card changed"), "info"),
    },
    "source": {
        "panel": (_l("Client panel"), "off"),
        "staff": (_l("Staff"), "info"),
        "auto": (_l("Auto payment"), "off"),
    },
    "mail": {
        "queued": (_l("queued"), "info"),
        "sending": (_l("sending"), "info"),
        "sent": (_l("sent"), "ok"),
        "failed": (_l("failed"), "bad"),
    },
    "mail_kind": {
        "invoice": (_l("Invoice"), "off"),
        "credit_note": (_l("Credit note"), "off"),
        "subscription": (_l("Subscription"), "off"),
        "reminder_before": (_l("Reminder before"), "off"),
        "reminder_after": (_l("Reminder after"), "off"),
        "low_balance": (_l("Low balance"), "off"),
        "rates": (_l("Rates"), "off"),
        "auto_payment": (_l("Auto payment"), "off"),
        "payment": (_l("Payment"), "off"),
        "card": (_l("Saved card"), "off"),
        "voucher": (_l("Voucher"), "off"),
        "panel_access": (_l("Panel access"), "off"),
        "sign_up": (_l("Sign-up"), "off"),
        "password_reset": (_l("Password reset"), "off"),
        "report": (_l("Report"), "off"),
        "security": (_l("Account security"), "info"),
        "event": (_l("Events"), "off"),
        "test": (_l("Test"), "off"),
    },
    "account_act": {
        "create": (_l("Made"), "off"),
        "update": (_l("Changed"), "off"),
        "invite": (_l("Invited"), "off"),
        "password_link": (_l("Link for a new password made"), "off"),
        "password_changed": (_l("Password changed"), "off"),
        "password_reset": (_l("Password set anew"), "off"),
        "password_accepted": (_l("Password given"), "off"),
        "language_changed": (_l("Language changed"), "off"),
        "sign_in": (_l("Signed in"), "off"),
        "sign_in_failed": (_l("Failed to sign in"), "off"),
        "sign_out": (_l("Signed out"), "off"),
        "second_step_failed": (_l("Wrong second factor"), "off"),
        "second_factor_on": (_l("Second factor switched on"), "off"),
        "second_factor_off": (_l("Second factor switched off"), "off"),
        "second_factor_reset": (_l("Second factor taken away"), "off"),
        "recovery_code_used": (_l("Recovery code used"), "off"),
        "recovery_codes_renewed": (_l("New recovery codes"), "off"),
        "session_ended": (_l("Session ended"), "off"),
        "sessions_ended": (_l("All sessions ended"), "off"),
        "other_sessions_ended": (_l("Other sessions ended"), "off"),
        "sign_in_as": (_l("Signed in as this person"), "off"),
        "sign_in_as_writing": (_l("Switched to changing"), "off"),
        "sign_in_as_reading": (_l("Switched to looking"), "off"),
        "sign_in_as_ended": (_l("No longer signed in as this person"), "off"),
    },
    "account_field": {
        "name": (_l("Name"), "off"),
        "email": (_l("E-mail"), "off"),
        "role": (_l("Role"), "off"),
        "role_id": (_l("Role"), "off"),
        "status": (_l("Status"), "off"),
        "locale": (_l("Language"), "off"),
        "timezone": (_l("Time zone"), "off"),
        "allowed_networks": (_l("Allowed addresses"), "off"),
        "reason": (_l("Reason"), "off"),
        "minutes": (_l("Minutes"), "off"),
    },
    "level": {
        "info": (_l("info"), "info"),
        "warning": (_l("warning"), "warn"),
        "error": (_l("error"), "bad"),
    },
    "account": {
        "opening": (_l("Opening balances"), "off"),
        "client_live": (_l("Client, live"), "off"),
        "client_fixed": (_l("Client, fixed"), "off"),
        "cash": (_l("Cash"), "off"),
        "clearing": (_l("Gateway clearing"), "off"),
        "revenue": (_l("Revenue"), "off"),
        "tax": (_l("Tax"), "off"),
        "invoiced": (_l("Invoiced"), "off"),
        "received": (_l("Received"), "off"),
    },
    "task_kind": {
        "export_clients": (_l("Export of clients"), "off"),
        "import_clients": (_l("Import of clients"), "off"),
        "export_report": (_l("File of a report"), "off"),
        "import_payments": (_l("Import of payments"), "off"),
        "import_opening_balances": (_l("Import of opening balances"), "off"),
        "import_usage": (_l("Import of usage"), "off"),
        "mass_edit_clients": (_l("Mass edit of clients"), "off"),
        "edit_invoices": (_l("Mass edit of invoices"), "off"),
        "invoice_clients": (_l("Invoicing run"), "off"),
        "zip_invoices": (_l("ZIP of invoices"), "off"),
        "generate_vouchers": (_l("Making of vouchers"), "off"),
    },
    "task": {
        "draft": (_l("to be matched"), "warn"),
        "waiting": (_l("waiting"), "info"),
        "running": (_l("running"), "info"),
        "checked": (_l("to be confirmed"), "warn"),
        "done": (_l("done"), "ok"),
        "failed": (_l("failed"), "bad"),
        "cancelled": (_l("cancelled"), "off"),
    },
    "task_step": {
        "read": (_l("The file is being read."), "info"),
        "check": (_l("The rows are being checked."), "info"),
        "write": (_l("The clients are being written."), "info"),
        "post": (_l("The usage is being posted."), "info"),
    },
    "task_item": {
        "waiting": (_l("waiting"), "info"),
        "made": (_l("made"), "ok"),
        "changed": (_l("changed"), "ok"),
        "unchanged": (_l("already so"), "off"),
        "left_out": (_l("left out"), "warn"),
        "failed": (_l("failed"), "bad"),
    },
    "task_reason": {
        "cancelled": (_l("The task was cancelled before."), "off"),
        "failed": (_l("The task came to no end."), "off"),
    },
    "tax_mode": {
        "none": (_l("No taxes"), "off"),
        "excluding": (_l("Excluding taxes"), "off"),
        "including": (_l("Including taxes"), "off"),
    },
}


def word(group: str, value: str) -> str:
    """The word for a stored value; a value without one is shown as it is."""
    found = WORDS[group].get(value)
    return str(found[0]) if found else value.replace("_", " ")


def tone(group: str, value: str) -> str:
    """The colour that goes with it."""
    found = WORDS[group].get(value)
    return found[1] if found else "off"


def options(group: str) -> list[tuple[str, str]]:
    """Pairs of value and word, for a filter."""
    return [(value, str(text)) for value, (text, _tone) in WORDS[group].items()]


def init_app(app: Flask) -> None:
    """Make them known to templates."""
    app.jinja_env.globals.update(word=word, tone=tone, word_options=options)
