"""The forms of vouchers: a new series, a move, redeeming one."""

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, Form, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Optional

from billing.voucher_pins import DEFAULT_LENGTH, LENGTHS
from billing.vouchers import Wish
from core.currencies import list_active_currencies
from portal.card_numbers import no_card_number
from portal.fields import AmountField, id_or_none, to_choices
from portal.tenant_form import without_nul

_NUMBER = InputRequired(_l("Enter a whole number."))


class SeriesForm(Form):
    """What a new series shall be."""

    reseller_id = SelectField(_l("Reseller"), coerce=int)
    name = StringField(
        _l("Series"), [InputRequired(_l("Enter a name.")), no_card_number], filters=[without_nul]
    )
    amount = AmountField(_l("Amount of one voucher"), [InputRequired(_l("Enter an amount."))])
    currency = SelectField(_l("Currency"))
    quantity = IntegerField(_l("Quantity"), [_NUMBER])
    pin_length = SelectField(_l("Digits of a PIN"), coerce=int, default=DEFAULT_LENGTH)
    expires_on = DateField(_l("Last day"), [Optional()])
    payment_account_id = SelectField(_l("Payment account"), coerce=id_or_none)
    is_active = BooleanField(_l("Active at once"))
    note = StringField(_l("Note"), [no_card_number], filters=[without_nul])

    def offer(
        self,
        resellers: list[tuple[int, str]],
        accounts: list[tuple[int, str]],
        own_account: str,
    ) -> None:
        self.reseller_id.choices = to_choices(resellers)
        self.currency.choices = to_choices(
            [(one.code, f"{one.code} – {one.name}") for one in list_active_currencies()]
        )
        self.pin_length.choices = to_choices([(one, str(one)) for one in LENGTHS])
        self.payment_account_id.choices = to_choices([("", own_account), *accounts])

    def to_wish(self) -> Wish:
        assert self.amount.data is not None
        return Wish(
            name=self.name.data or "",
            amount=self.amount.data,
            currency=self.currency.data,
            quantity=self.quantity.data or 0,
            pin_length=self.pin_length.data,
            expires_on=self.expires_on.data,
            payment_account_id=self.payment_account_id.data,
            is_active=self.is_active.data,
            note=self.note.data or "",
        )


class MoveForm(Form):
    """Why vouchers are moved, and of a series which numbers; empty means all."""

    first = IntegerField(_l("From number"), [Optional()])
    last = IntegerField(_l("To number"), [Optional()])
    reason = StringField(_l("Reason"), [no_card_number], filters=[without_nul])


class RedeemForm(Form):
    pin = StringField(
        _l("PIN"), [InputRequired(_l("Enter the PIN of the voucher.")), no_card_number]
    )
