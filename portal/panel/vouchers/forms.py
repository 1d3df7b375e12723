"""The form of a voucher."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import InputRequired

from portal.card_numbers import no_card_number


class VoucherForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    pin = StringField(
        _l("PIN"), [InputRequired(_l("Enter the PIN of the voucher.")), no_card_number]
    )
