"""The refill form: an amount of the offer or an own one, a saved card or another."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField

from core.errors import InvalidInputError
from core.money import minor_amount
from payments.limits import limits_of, scale_of
from payments.refills import check_amount
from portal.card_numbers import no_card_number
from portal.fields import AmountField
from portal.formatting import money
from tenants.panel_rules import Rules

OWN = "own"
OTHER_CARD = "other"


@dataclass(frozen=True, slots=True)
class Method:
    """One way to pay: `value` goes out with the form."""

    value: str
    title: str
    note: str = ""
    is_usable: bool = True
    icon: str = "credit-card"


class RefillForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    """`choice` is an offered amount or `own`; then `amount` holds it."""

    choice = RadioField(_l("Amount"), validate_choice=False)
    amount = AmountField(_l("Other amount"), [no_card_number])
    method = RadioField(_l("Pay with"), validate_choice=False)

    def read_amount(self, currency: str) -> Decimal:
        """What is to be paid; raises InvalidInputError for none or one out of bounds."""
        if self.choice.data != OWN:
            try:
                return check_amount(Decimal(str(self.choice.data)), currency)
            except (ArithmeticError, ValueError):
                raise InvalidInputError("Choose an amount.", "choice") from None
        if self.amount.data is None:
            raise InvalidInputError("Enter an amount.", "amount")
        return check_amount(self.amount.data, currency)

    def read_card_id(self, methods: Sequence[Method]) -> UUID | None:
        """The saved card, None for another; raises InvalidInputError for what is not offered."""
        for method in methods:
            if method.value == self.method.data and method.is_usable:
                return None if method.value == OTHER_CARD else UUID(method.value)
        raise InvalidInputError("Choose how to pay.", "method")


def offered_amounts(rules: Rules, currency: str) -> list[Decimal]:
    """What the provider offers, in the currency: of yen a hundred times as many as of dollars.

    Never more than a refill may be.
    """
    limits = limits_of(currency)
    scaled = (minor_amount(one * scale_of(currency), currency) for one in rules.refill_amounts)
    return [one for one in scaled if limits.least <= one <= limits.most] or [limits.least]


def limits_text(currency: str) -> str:
    """From how much to how much, in the viewer's figures."""
    limits = limits_of(currency)
    words = _(
        "From %(least)s to %(most)s %(currency)s. Comma or point, as you like.",
        least=money(limits.least, currency),
        most=money(limits.most, currency),
        currency=currency,
    )
    return str(words)
