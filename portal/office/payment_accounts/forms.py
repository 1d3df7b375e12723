"""The payment account form."""

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, Form, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired

from billing.payment_accounts import AccountWish
from core.currencies import list_active_currencies
from portal.card_numbers import no_card_number
from portal.fields import to_choices
from portal.tenant_form import without_nul


class AccountForm(Form):
    """An account; `stamp` is that of what was shown."""

    stamp = HiddenField()
    reseller_id = SelectField(_l("Reseller"), coerce=int)
    name = StringField(
        _l("Name"), [InputRequired(_l("Enter a name.")), no_card_number], filters=[without_nul]
    )
    currency = SelectField(_l("Currency"))
    details = TextAreaField(_l("Details for invoices"), [no_card_number], filters=[without_nul])
    is_active = BooleanField(_l("Active"))
    for_gateways = BooleanField(_l("Offered first to gateways"))

    def offer_currencies(self, kept: str | None = None) -> None:
        """Any, and each one of today; `kept` is what is stored, whatever became of it."""
        codes = {one.code: f"{one.code} – {one.name}" for one in list_active_currencies()}
        if kept:
            codes.setdefault(kept, kept)
        self.currency.choices = to_choices([("", _l("any")), *codes.items()])

    def to_wish(self) -> AccountWish:
        return AccountWish(
            name=self.name.data or "",
            currency=self.currency.data or None,
            details=self.details.data or "",
            is_active=self.is_active.data,
            for_gateways=self.for_gateways.data,
        )
