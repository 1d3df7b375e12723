"""The next automatic charge in the client's words: what would happen now, and what to do."""

from dataclasses import dataclass
from decimal import Decimal

from flask_babel import gettext as _

from payments.dues import Due, Why
from portal.formatting import instant, money


@dataclass(frozen=True, slots=True)
class NextCharge:
    """`title` and `text` for people; `tone` as of badges; `todo` names what helps: card, pay."""

    title: str
    text: str
    tone: str
    todo: str = ""


def describe(due: Due) -> NextCharge:
    """What auto payment would do now and why."""
    amount = f"{money(due.amount, due.currency)} {due.currency}"
    if due.is_due:
        return NextCharge(_("%(amount)s would be charged now", amount=amount), _reason(due), "info")
    return _NOTHING[due.why](due)


def _reason(due: Due) -> str:
    extra = due.figures.get("extra_amount", "0")
    if due.why is Why.INVOICE_DUE:
        numbers = ", ".join(one["number"] for one in due.figures.get("invoices", ()))
        text = _(
            "because these invoices are due and not paid in full: %(numbers)s.", numbers=numbers
        )
    else:
        text = _("because your available balance is used up.")
    if extra.strip("0."):
        text += " " + _("Your extra amount is included.")
    return str(text)


def _off(_due: Due) -> NextCharge:
    return NextCharge(
        _("Automatic payment is off"), _("Nothing is charged unless you refill yourself."), "off"
    )


def _inactive(_due: Due) -> NextCharge:
    return NextCharge(
        _("No automatic charge"), _("Your account is stopped, so nothing is charged."), "warn"
    )


def _no_gateway(due: Due) -> NextCharge:
    return NextCharge(
        _("No automatic charge"),
        _("Your provider takes no card payments in %(currency)s.", currency=due.currency),
        "warn",
    )


def _no_card(_due: Due) -> NextCharge:
    return NextCharge(
        _("A card is missing"),
        _("Automatic payment is on, but no card is saved that it could use."),
        "warn",
        "card",
    )


def _bank_off(_due: Due) -> NextCharge:
    return NextCharge(
        _("No automatic charge"),
        _("Your provider takes no payments from bank accounts now. Choose a card as the default."),
        "warn",
        "card",
    )


def _suspended(due: Due) -> NextCharge:
    if due.is_bank:
        return NextCharge(
            _("Automatic payment is paused"),
            _(
                "Your bank did not pay. Add another bank account or a card, or choose another"
                " default, and it goes on by itself; or ask your provider."
            ),
            "bad",
            "card",
        )
    return NextCharge(
        _("Automatic payment is paused"),
        _(
            "Your card was declined. Add another card or choose another default card and it goes on"
            " by itself; or ask your provider."
        ),
        "bad",
        "card",
    )


def _disputed(_due: Due) -> NextCharge:
    return NextCharge(
        _("Automatic payment is paused"),
        _("Your bank took back a payment. Ask your provider to let it go on."),
        "bad",
        "pay",
    )


def _waiting(due: Due) -> NextCharge:
    at = instant(due.next_try_at) if due.next_try_at else ""
    return NextCharge(
        _("Next try: %(at)s", at=at),
        _("The last automatic charge did not go through. You can also pay now yourself."),
        "warn",
        "pay",
    )


def _under_way(due: Due) -> NextCharge:
    if due.is_bank:
        text = _("Your bank is paying; that takes some business days. Nothing more is charged.")
        return NextCharge(_("A charge is under way"), text, "info")
    return NextCharge(
        _("A charge is under way"), _("Your card is being charged at this moment."), "info"
    )


def _not_due(due: Due) -> NextCharge:
    on_its_way = Decimal(due.figures.get("on_its_way", "0"))
    # of a client without a limit no figure of what is available stands there
    if on_its_way > 0 and Decimal(due.figures.get("available", "0")) <= 0:
        return NextCharge(
            _("Nothing more is charged now"),
            _(
                "%(amount)s of yours is on its way and counts as if it had come.",
                amount=f"{money(on_its_way, due.currency)} {due.currency}",
            ),
            "ok",
        )
    if due.is_bank:
        text = (
            _("Your bank account is debited when an invoice is due.")
            if due.figures.get("postpaid")
            else _("Your bank account is debited when your available balance is used up.")
        )
        return NextCharge(_("Nothing is due now"), text, "ok")
    text = (
        _("Your card is charged when an invoice is due.")
        if due.figures.get("postpaid")
        else _("Your card is charged when your available balance is used up.")
    )
    return NextCharge(_("Nothing is due now"), text, "ok")


def _too_little(_due: Due) -> NextCharge:
    return NextCharge(
        _("Nothing is charged yet"),
        _("What is due is less than the smallest amount that a card can be charged."),
        "ok",
    )


def _cap_reached(_due: Due) -> NextCharge:
    return NextCharge(
        _("The limit is reached"),
        _("Automatic charges have reached the limit of this day or month. You can pay yourself."),
        "warn",
        "pay",
    )


_NOTHING = {
    Why.OFF: _off,
    Why.INACTIVE: _inactive,
    Why.NO_GATEWAY: _no_gateway,
    Why.NO_CARD: _no_card,
    Why.BANK_OFF: _bank_off,
    Why.SUSPENDED: _suspended,
    Why.DISPUTED: _disputed,
    Why.WAITING: _waiting,
    Why.UNDER_WAY: _under_way,
    Why.NOT_DUE: _not_due,
    Why.TOO_LITTLE: _too_little,
    Why.CAP_REACHED: _cap_reached,
    Why.BALANCE_USED_UP: _not_due,
    Why.INVOICE_DUE: _not_due,
}
