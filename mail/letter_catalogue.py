"""What each letter is for and which variables it has: for those who write its text.

Plain English here, as errors of the domain are; the screen translates it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache

from jinja2 import meta

from core.errors import NotFoundError
from mail.letters import FOLDER, get_environment, list_names


class Words(str):
    """A text that the screen translates; the name marks it for those who collect texts."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Variable:
    """`example` has the type of what is sent; a list holds plain dicts."""

    name: str
    meaning: str
    example: object


@dataclass(frozen=True, slots=True)
class LetterKind:
    """One letter: the `name` of its files, what it is called, and when it is sent.

    `is_optional`: a reseller may do without it.
    """

    name: str
    label: str
    when: str
    variables: Sequence[Variable]
    is_optional: bool = False

    def examples(self) -> dict[str, object]:
        """Values for a trial."""
        return {one.name: one.example for one in self.variables}


_EXAMPLES: Mapping[str, tuple[str, object]] = {
    "account_details": (
        Words("Your bank account, as it stands on invoices; may be empty."),
        "Example Bank\nIBAN DE02 1203 0000 0000 2020 51",
    ),
    "advice": (
        Words("What helps: your own words for this kind of decline, else ours."),
        "Please use another card, or try again when there is money on it.",
    ),
    "amount": (Words("The amount that was asked for."), Decimal("50.00")),
    "available": (Words("The client's Available balance."), Decimal("4.20")),
    "card": (Words("Kind and last digits of the card; may be empty."), "Visa …4242"),
    "category": (
        Words("The kind of decline, as one word; the conditions of the text may ask for it."),
        "insufficient_funds",
    ),
    "client_name": (Words("The client's company, else its name."), "Orbit Calls Ltd"),
    "confirm_url": (
        Words("The address at which the sign-up is confirmed. Keep it in the text."),
        "https://portal.example/clients/sign-up/confirm/example",
    ),
    "credited": (Words("The amount that was credited."), Decimal("50.00")),
    "credit_note_number": (Words("The number of the credit note."), "CN-2026-7"),
    "credit_reason": (Words("Why it was credited."), "Calls of a faulty route"),
    "credited_on": (Words("The date of the credit note."), date(2026, 11, 8)),
    "currency": (Words("The currency of the amounts, as three letters."), "EUR"),
    "days": (Words("For how many days the link works."), 3),
    "disputed": (Words("The amount that the bank took back."), Decimal("50.00")),
    "due_on": (Words("The day by which the invoice is to be paid."), date(2026, 11, 20)),
    "events": (
        Words("A list; each has level, service, text, client and at."),
        [
            {
                "level": "warning",
                "service": "payments",
                "text": "Auto payment was declined: insufficient funds",
                "client": "Orbit Calls",
                "at": datetime(2026, 11, 6, 9, 0, tzinfo=UTC),
            }
        ],
    ),
    "expires": (Words("Month and year in which the card expires."), "09/2027"),
    "expires_on": (Words("The last day on which the card can be charged."), date(2027, 9, 30)),
    "hours": (Words("For how many hours the link works."), 48),
    "first_on": (Words("The first day of the invoice's period."), date(2026, 10, 1)),
    "invoice_on": (Words("The date of the invoice."), date(2026, 11, 6)),
    "is_bank": (Words("True when it is a bank account and not a card."), False),
    "is_charged": (Words("True when automatic payment charges this card."), True),
    "is_client": (Words("True for a client, false for staff."), True),
    "is_daily": (Words("True for the daily summary, false for what is told at once."), True),
    "is_partial": (Words("True when the amount is only a part of what was asked or paid."), False),
    "lacks_card": (Words("True when automatic payment is on and no card is left."), False),
    "last_on": (Words("The last day of the invoice's period."), date(2026, 10, 31)),
    "login": (Words("The name with which the person signs in."), "orbit"),
    "minutes": (Words("For how many minutes the link works."), 30),
    "more": (Words("How many events are not listed; 0 when all are."), 0),
    "name": (Words("The name of the person."), "Zoë Müller"),
    "next_try_at": (
        Words("When the card is charged again."),
        datetime(2026, 11, 7, 9, 0, tzinfo=UTC),
    ),
    "number": (Words("The number of the invoice."), "2026-00042"),
    "open_amount": (Words("What is still to be paid; 0 when it is paid."), Decimal("107.25")),
    "ends_on": (Words("The last day of the subscription."), date(2026, 10, 31)),
    "fee": (Words("What the period cost, with taxes; 0 when it was free."), Decimal("49.90")),
    "package_before": (Words("The package that the client had before."), "Business 500"),
    "package_name": (Words("The name of the package."), "Business 1000"),
    "quantity": (Words("How many times the client has it."), 1),
    "panel_url": (Words("The address of the client panel; may be empty."), "https://portal.example/clients/"),
    "payment_url": (
        Words("Where the client confirms the payment. Keep it in the text."),
        "https://portal.example/clients/refill/0197a3c2-5f4e-7000-8000-000000000000",
    ),
    "reason": (Words("Why the card was declined."), "Insufficient funds"),
    "reference": (Words("The number under which you find the payment."), "0197a3c2-5f4e"),
    "refunded": (Words("The amount that was given back."), Decimal("20.00")),
    "reset_url": (Words("The address at which the password is set. Keep it in the text."), "https://portal.example/login/reset/example"),
    "report_name": (Words("The name under which the report is saved."), "Balances of the month"),
    "from_on": (Words("The first day that the report tells of."), date(2026, 10, 1)),
    "to_on": (Words("The last day that the report tells of."), date(2026, 10, 31)),
    "sender_name": (Words("Your company."), "Example Telecom"),
    "sign_in_url": (Words("The address of the sign-in."), "https://portal.example/login"),
    "threshold": (Words("The balance below which this is sent."), Decimal("10.00")),
    "timezone": (Words("The client's time zone, for times."), "Europe/Berlin"),
    "what": (
        Words("What happened, as one word; the conditions of the text ask for it."),
        "second_factor_on",
    ),
    "total": (Words("The total of the invoice, with taxes."), Decimal("107.25")),
    "voucher": (Words("The series and number of the voucher, without its PIN."), "SUMMER 000042"),
}  # fmt: skip
_PAYMENT = (
    "client_name", "sender_name", "amount", "credited", "currency", "card", "is_bank", "reason",
    "reference",
    "is_partial", "timezone",
)  # fmt: skip
_DECLINED = (*_PAYMENT, "advice", "category", "panel_url")
_MOVED = ("client_name", "sender_name", "amount", "currency", "card", "is_bank", "reference")
_DISPUTED = ("client_name", "sender_name", "disputed", "currency", "card", "is_bank", "reference")
_CARD = ("client_name", "sender_name", "card", "is_bank", "expires", "is_charged", "panel_url")
_REMINDER = (
    "client_name", "sender_name", "number", "currency", "total", "open_amount",
    "invoice_on", "due_on", "first_on", "last_on", "account_details", "panel_url",
)  # fmt: skip
_SUBSCRIPTION = (
    "client_name", "sender_name", "package_name", "quantity", "first_on", "last_on", "fee",
    "currency", "panel_url",
)  # fmt: skip
# name: what it is called, when it is sent, its variables (None: those that its own text uses)
_LETTERS: Mapping[str, tuple[str, str, Sequence[str] | None]] = {
    "auto_payment_declined": (
        Words("Auto payment declined"),
        Words("The card was declined and will be tried again."),
        (*_DECLINED, "next_try_at"),
    ),
    "auto_payment_resumed": (
        Words("Auto payment resumed"),
        Words("A suspension of auto payment has ended: by another card, or by your staff."),
        ("client_name", "sender_name", "card", "is_bank", "panel_url"),
    ),
    "auto_payment_succeeded": (
        Words("Auto payment received"),
        Words("The card was charged automatically."),
        _PAYMENT,
    ),
    "auto_payment_suspended": (
        Words("Auto payment suspended"),
        Words("The card was declined for the last time."),
        _DECLINED,
    ),
    "card_expiring": (
        Words("Card expires soon"),
        Words("Some days before the last month of a card ends; once for each card and month."),
        (*_CARD, "expires_on"),
    ),
    "card_removed": (
        Words("Card removed"),
        Words("A saved card was removed, in the client panel or at the gateway."),
        (*_CARD, "lacks_card"),
    ),
    "card_saved": (Words("Card saved"), Words("A client has saved a card."), _CARD),
    "card_updated": (
        Words("Card updated"),
        Words("The gateway has new details of a card, told by its bank."),
        _CARD,
    ),
    "credit_note": (
        Words("Credit note"),
        Words("A credit note was made; its PDF goes along."),
        (
            "client_name", "sender_name", "credit_note_number", "number", "currency", "credited",
            "credited_on", "credit_reason", "panel_url",
        ),
    ),
    "event_notices": (
        Words("Events"),
        Words("Somebody of your staff asked to be told of events."),
        None,
    ),
    "invitation": (Words("Invitation"), Words("A new user of the back office."), None),
    "invoice": (
        Words("Invoice"),
        Words("An invoice was issued; its PDF goes along."),
        (
            "client_name", "sender_name", "number", "currency", "total", "open_amount",
            "invoice_on", "due_on", "first_on", "last_on", "account_details", "panel_url",
        ),
    ),
    "low_balance": (
        Words("Low balance"),
        Words("The client's Available balance fell below its Notify Client value."),
        ("client_name", "sender_name", "available", "threshold", "currency", "panel_url"),
    ),
    "panel_access": (Words("Panel access"), Words("A client got a login of its own."), None),
    "password_reset": (Words("Password reset"), Words("Somebody forgot the password."), None),
    "payment_chargeback": (
        Words("Chargeback"),
        Words("The client's bank has taken back a payment."),
        (*_DISPUTED, "reason"),
    ),
    "payment_chargeback_reversed": (
        Words("Chargeback given back"),
        Words("A payment that the bank had taken back has come again."),
        _DISPUTED,
    ),
    "payment_confirmation": (
        Words("Payment to be confirmed"),
        Words("The bank wants the client to confirm a payment by card."),
        (
            "client_name", "sender_name", "amount", "currency", "card", "reference", "timezone",
            "payment_url",
        ),
    ),
    "payment_declined": (
        Words("Payment declined"),
        Words("A payment by card that the client or your staff asked for was declined."),
        _DECLINED,
    ),
    "payment_held": (
        Words("Payment held"),
        Words("The gateway reviews a payment before it takes it."),
        _MOVED,
    ),
    "payment_receipt": (Words("Payment receipt"), Words("A payment by card came in."), _PAYMENT),
    "payment_refunded": (
        Words("Payment refunded"),
        Words("Money of a payment by card was given back."),
        (*_MOVED, "refunded", "is_partial"),
    ),
    "payment_voided": (
        Words("Payment voided"),
        Words("A payment by card was cancelled before it was settled."),
        _MOVED,
    ),
    "reminder_after": (
        Words("Reminder after the due day"),
        Words("An invoice is overdue; its payment terms say after how many days."),
        _REMINDER,
    ),
    "reminder_before": (
        Words("Reminder before the due day"),
        Words("An open invoice falls due; its payment terms say how many days before."),
        _REMINDER,
    ),
    "report": (
        Words("Report"),
        Words("A saved report is due; its file goes along."),
        ("report_name", "sender_name", "from_on", "to_on"),
    ),
    "subscription_changed": (
        Words("Package changed"),
        Words("A client's package was changed for another one."),
        (*_SUBSCRIPTION, "package_before"),
    ),
    "subscription_ended": (
        Words("Package ended"),
        Words("A subscription is over: stopped, cancelled, or after its last renewal."),
        ("client_name", "sender_name", "package_name", "quantity", "ends_on", "panel_url"),
    ),
    "subscription_renewed": (
        Words("Package renewed"),
        Words("The next period of a subscription has begun and was charged."),
        _SUBSCRIPTION,
    ),
    "subscription_started": (
        Words("Package started"),
        Words("A subscription has begun: its first period was charged."),
        _SUBSCRIPTION,
    ),
    "sign_up_confirm": (
        Words("Sign-up: confirm the address"),
        Words("Somebody signed up and is to confirm its e-mail address."),
        ("name", "sender_name", "confirm_url", "hours"),
    ),
    "sign_up_known": (
        Words("Sign-up: known already"),
        Words("Somebody signed up with an e-mail address that a client has."),
        ("name", "sender_name", "sign_in_url"),
    ),
    "sign_up_refused": (
        Words("Sign-up: refused"),
        Words("Your staff refused somebody who signed up."),
        ("name", "sender_name", "reason"),
    ),
    "sign_up_welcome": (
        Words("Sign-up: welcome"),
        Words("Somebody who signed up is a client now."),
        ("name", "sender_name", "login", "sign_in_url"),
    ),
    "security_notice": (
        Words("Security notice"),
        Words("Something changed in how a person signs in."),
        None,
    ),
    "voucher_redeemed": (
        Words("Voucher redeemed"),
        Words("A client has redeemed a voucher, or your staff did it for the client."),
        ("client_name", "sender_name", "amount", "currency", "voucher", "reference"),
    ),
}  # fmt: skip
_OPTIONAL = ("auto_payment_", "card_", "payment_", "subscription_", "voucher_")


@cache
def get_letter(name: str) -> LetterKind:
    """Raises NotFoundError for a name that no letter has."""
    if name not in list_names():
        raise NotFoundError("There is no such letter.")
    label, when, names = _LETTERS.get(name, (name.replace("_", " ").capitalize(), "", None))
    listed = _used_by_default(name) if names is None else names
    is_optional = name.startswith(_OPTIONAL)
    return LetterKind(name, label, when, [_variable(one) for one in listed], is_optional)


def list_letters() -> list[LetterKind]:
    """All letters, by name."""
    return [get_letter(name) for name in list_names()]


def _variable(name: str) -> Variable:
    meaning, example = _EXAMPLES.get(name, ("", name))
    return Variable(name, meaning, example)


def _used_by_default(name: str) -> list[str]:
    environment = get_environment("en")
    found = {"sender_name"}
    for part in ("subject", "txt", "html"):
        tree = environment.parse((FOLDER / f"{name}.{part}").read_text())
        found |= meta.find_undeclared_variables(tree)
    return sorted(found - set(environment.globals))
