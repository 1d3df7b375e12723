"""The form of a webhook endpoint, and the words for what it can hear of."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from wtforms import Form, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length

from portal.card_numbers import no_card_number
from portal.fields import to_choices
from tenants.webhook_types import PING, TYPES

WORDS: dict[str, LazyString] = {
    "payment.created": _l("A payment is booked"),
    "payment.approved": _l("A pending payment is approved"),
    "payment.reversed": _l("A payment is reversed"),
    "payment.declined": _l("An automatic charge is declined"),
    "payment.failed": _l("A card payment has failed"),
    "payment.refunded": _l("A payment went back to the card"),
    "payment.charged_back": _l("A bank took a payment back"),
    "payment.chargeback_won": _l("A payment came again: its chargeback is won"),
    "charge.created": _l("A charge is booked"),
    "charge.approved": _l("A pending charge is approved"),
    "charge.reversed": _l("A charge is reversed"),
    "invoice.created": _l("An invoice is made"),
    "invoice.issued": _l("An invoice is issued"),
    "invoice.voided": _l("An invoice is void"),
    "invoice.credited": _l("An invoice is credited"),
    "client.created": _l("A client is made"),
    "client.updated": _l("A client is changed"),
    "client.deleted": _l("A client is deleted"),
    "client.restored": _l("A client is restored"),
    "client.erased": _l("A client is removed for good"),
    "balance.low": _l("A balance is low"),
    "voucher.redeemed": _l("A voucher was redeemed"),
    "auto_payment.suspended": _l("Auto payment is suspended"),
    PING: _l("A try by hand"),
}


class EndpointForm(Form):
    """Where to send, and of what."""

    url = StringField(
        _l("Address"),
        [
            InputRequired(_l("Enter an address such as https://example.com/hooks.")),
            Length(max=500, message=_l("Use at most 500 plain letters, without spaces.")),
            no_card_number,
        ],
    )
    description = StringField(
        _l("Description"),
        [Length(max=200, message=_l("Use at most 200 characters.")), no_card_number],
    )
    types = SelectMultipleField(
        _l("Hears of"), choices=to_choices([(name, WORDS[name]) for name in TYPES])
    )


class NewEndpointForm(EndpointForm):
    """A new one also says whose it is."""

    reseller_id = SelectField(_l("Reseller"), coerce=int)
