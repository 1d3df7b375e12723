"""The payment gateway form."""

from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    Field,
    Form,
    HiddenField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    StringField,
)
from wtforms.validators import InputRequired, Length, Optional

from core.currencies import list_active_currencies
from payments.gateway_accounts import CREDENTIAL_FIELDS
from portal.card_numbers import no_card_number
from portal.fields import to_choices

_SHORT = Length(max=200, message=_l("Use at most 200 characters."))


class GatewayForm(Form):
    """How a gateway is shown and booked, and its credentials, which are never shown again."""

    name = StringField(_l("Name"), [InputRequired(_l("Enter a name.")), _SHORT, no_card_number])
    description = StringField(_l("Description"), [_SHORT, no_card_number])
    payment_account_id = SelectField(
        _l("Payment account"), [InputRequired(_l("Choose a payment account."))], coerce=int
    )
    position = IntegerField(_l("Position"), [Optional()], default=1)
    bank_accounts = BooleanField(_l("Clients may pay from US bank accounts (ACH)"))
    # of Authorize.net
    login = PasswordField(_l("API login ID"))
    transaction_key = PasswordField(_l("Transaction key"))
    signature_key = PasswordField(_l("Signature key"))
    # of Stripe
    secret_key = PasswordField(_l("Secret key"))
    webhook_secret = PasswordField(_l("Webhook signing secret"))

    def credential_fields(self, gateway: str) -> list[Field]:
        """The fields of one gateway, in the order of the form."""
        return [self[name] for name in CREDENTIAL_FIELDS[gateway]]

    def credentials(self, gateway: str) -> dict[str, str]:
        """What was typed for it."""
        return {field.short_name: field.data or "" for field in self.credential_fields(gateway)}


class NewGatewayForm(GatewayForm):
    """A new one also says whose it is, which currency it takes and whether real money moves."""

    gateway = HiddenField()

    reseller_id = SelectField(_l("Reseller"), coerce=int)
    currency = SelectField(_l("Currency"), [InputRequired(_l("Choose a currency."))])
    mode = RadioField(
        _l("Mode"),
        choices=to_choices([("sandbox", _l("Sandbox: no real money")), ("live", _l("Live"))]),
        default="sandbox",
    )

    def offer_currencies(self) -> None:
        self.currency.choices = to_choices(
            [(one.code, f"{one.code} – {one.name}") for one in list_active_currencies()]
        )
