"""Auto payment in words for the staff: what would be charged now and why, or why nothing is.

The screens of refills, of clients and of auto payment itself speak with these words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from payments.dues import CUT_BY_LIMIT, Due, Why
from portal.formatting import instant, money

# in the order of the computation
_AMOUNTS: dict[str, LazyString] = {
    "live": _l("Live"),
    "credit": _l("Credit allowed"),
    "available": _l("Available"),
    "on_its_way": _l("On its way already"),
    "extra_amount": _l("Extra amount"),
    "wanted": _l("Wanted"),
    "day_cap": _l("At most a day"),
    "taken_this_day": _l("Taken this day"),
    "month_cap": _l("At most a month"),
    "taken_this_month": _l("Taken this month"),
    CUT_BY_LIMIT: _l("At most at once"),
    "amount": _l("Charged"),
}
# of the figures of a step: whole numbers
_COUNTS: dict[str, LazyString] = {
    "declines_in_row": _l("Declines in a row"),
    "tries_in_vain": _l("Tries in vain"),
}
# why nothing is charged: word of the badge, its tone
_NOTHING: dict[Why, tuple[LazyString, str]] = {
    Why.OFF: (_l("Off"), "off"),
    Why.INACTIVE: (_l("Client not active"), "off"),
    Why.NO_GATEWAY: (_l("No gateway"), "bad"),
    Why.NO_CARD: (_l("No card"), "warn"),
    Why.BANK_OFF: (_l("Bank accounts off"), "warn"),
    Why.SUSPENDED: (_l("Suspended"), "bad"),
    Why.DISPUTED: (_l("Suspended"), "bad"),
    Why.WAITING: (_l("Waits for the next try"), "warn"),
    Why.UNDER_WAY: (_l("Charge under way"), "info"),
    Why.NOT_DUE: (_l("Nothing is due"), "ok"),
    Why.TOO_LITTLE: (_l("Too little to charge"), "ok"),
    Why.CAP_REACHED: (_l("Cap reached"), "warn"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """`title` for a badge of this `tone`; `text` is the sentence beside it."""

    title: str
    text: str
    tone: str


def describe_due(due: Due) -> Told:
    """What auto payment would do at this moment, and from which figures."""
    if due.is_due:
        title = _("Would charge %(amount)s now", amount=_money(due.amount, due))
        return Told(title, _because(due), "info")
    word, tone = _NOTHING[due.why]
    return Told(str(word), _why_not(due), tone)


def describe_figures(figures: Mapping[str, Any]) -> list[tuple[str, Decimal | str]]:
    """Pairs of label and amount or word; what is not known here is left out."""
    found: list[tuple[str, Decimal | str]] = []
    why = str(figures.get("why", "")).upper()
    if why in Why.__members__:
        found.append((_("Why"), _(Why[why].value)))
    found += [
        (_("Open on %(number)s", number=invoice["number"]), Decimal(invoice["open"]))
        for invoice in figures.get("invoices", [])
    ]
    found += [
        (str(label), Decimal(figures[name])) for name, label in _AMOUNTS.items() if name in figures
    ]
    found += [
        (str(label), str(figures[name])) for name, label in _COUNTS.items() if name in figures
    ]
    return found


def say_why(why: str) -> str:
    """The reason that a step was written down with."""
    return str(_(Why[why.upper()].value)) if why.upper() in Why.__members__ else why


def _because(due: Due) -> str:
    figures = due.figures
    parts = [_what_lacks(due)]
    extra = Decimal(figures.get("extra_amount", "0"))
    if extra > 0:
        parts.append(_("The Extra Amount of %(amount)s is added.", amount=_money(extra, due)))
    on_its_way = Decimal(figures.get("on_its_way", "0"))
    if on_its_way > 0:
        parts.append(
            _("%(amount)s is on its way and counts as come.", amount=_money(on_its_way, due))
        )
    if due.amount < Decimal(figures.get("wanted", "0")):
        parts.append(
            _("The caps or the limit of one charge leave less than the %(amount)s wanted.",
              amount=_money(Decimal(figures["wanted"]), due))
        )  # fmt: skip
    return " ".join(parts)


def _what_lacks(due: Due) -> str:
    if due.why is Why.INVOICE_DUE:
        numbers = ", ".join(str(one["number"]) for one in due.figures.get("invoices", ()))
        return str(_("Because these invoices are due and not paid in full: %(numbers)s.",
                     numbers=numbers))  # fmt: skip
    return str(
        _(
            "Because Available is %(amount)s, which is zero or less.",
            amount=_money(Decimal(due.figures.get("available", "0")), due),
        )
    )


def _why_not(due: Due) -> str:
    figures = due.figures
    if due.why is Why.WAITING and due.next_try_at is not None:
        return str(
            _(
                "The last try brought nothing; the next one comes on %(when)s.",
                when=instant(due.next_try_at),
            )
        )
    if due.why is Why.NOT_DUE and figures.get("postpaid"):
        return str(_("A charge comes when an invoice is due and not paid in full."))
    if due.why is Why.NOT_DUE and "available" in figures:
        return str(
            _(
                "Available is %(amount)s; a charge comes when it falls to zero.",
                amount=_money(Decimal(figures["available"]), due),
            )
        )
    return str(_(due.why.value))


def _money(amount: Decimal, due: Due) -> str:
    return f"{money(amount, due.currency)} {due.currency}"
