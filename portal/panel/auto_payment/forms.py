"""The form of automatic payment."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField

from portal.card_numbers import no_card_number
from portal.fields import AmountField


class AutoPaymentForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    enabled = BooleanField(_l("Charge my default card by itself"))
    extra_amount = AmountField(_l("Extra amount"), [no_card_number])
