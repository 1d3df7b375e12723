"""New payment, new charge, reversal."""

from datetime import date, datetime
from decimal import Decimal

from flask_babel import lazy_gettext as _l
from wtforms import DateField, Form, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from billing.periods import local_midnight
from billing.transaction_rows import DESCRIPTION_LENGTH
from core.clock import today
from core.zones import get_zone
from portal.fields import AmountField, to_choices

_DESCRIPTION = Length(max=DESCRIPTION_LENGTH, message=_l("Use at most 500 characters."))
_STATUSES = [("approved", _l("Approved: moves the balances now")), ("pending", _l("Pending"))]
_TAX_MODES = [
    ("profile", _l("As the client’s tax profile says")),
    ("excluding", _l("Excluding taxes: they come on top")),
    ("including", _l("Including taxes")),
    ("none", _l("No taxes")),
]


class _MoneyForm(Form):
    amount = AmountField(_l("Amount"), [InputRequired(_l("Enter an amount."))])
    dated_on = DateField(_l("Date"), [Optional()])
    description = StringField(_l("Description"), [_DESCRIPTION])
    status = RadioField(_l("Status"), choices=to_choices(_STATUSES), default="approved")

    @property
    def exact_amount(self) -> Decimal:
        return self.amount.data or Decimal(0)

    def dated_at(self, timezone: str) -> datetime | None:
        """Midnight of the chosen day in the client's zone; None, for now, when it is today."""
        zone = get_zone(timezone)
        day: date | None = self.dated_on.data
        return None if day is None or day == today(zone) else local_midnight(day, zone)


class PaymentForm(_MoneyForm):
    """Money that came from the client, perhaps in another currency than its balance."""

    currency = SelectField(_l("Currency"))
    rate = AmountField(_l("Exchange rate"))
    payment_account_id = SelectField(
        _l("Payment account"), [InputRequired(_l("Choose a payment account."))], coerce=int
    )


class ChargeForm(_MoneyForm):
    """What the client owes beside its usage."""

    tax_mode = SelectField(_l("Taxes"), choices=to_choices(_TAX_MODES), default="profile")
    quantity = AmountField(_l("Quantity"))


class ReverseForm(Form):
    """Why a transaction is undone."""

    reason = TextAreaField(_l("Reason"), [InputRequired(_l("Enter the reason.")), _DESCRIPTION])
