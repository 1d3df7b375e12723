"""Forms of the parts of a reseller's settings; each is saved by itself."""

import re
from decimal import Decimal
from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import FileStorage
from wtforms import (
    BooleanField,
    EmailField,
    Field,
    FileField,
    Form,
    IntegerField,
    PasswordField,
    SelectField,
    StringField,
)
from wtforms.validators import InputRequired, NumberRange, Optional, ValidationError

from billing.invoice_pdf import check_logo
from core.errors import InvalidInputError
from core.money import parse_amount
from core.zones import list_zone_names
from mail.servers import SECURITIES
from portal.fields import latin_email, to_choices
from portal.tenant_form import currency_choices, long_text_field, text_field, without_nul
from portal.tenant_locales import locale_choices
from portal.wording import refusal
from tenants.logos import MAX_UPLOAD_BYTES, Picture, draw_logo
from tenants.reseller_settings import NAME_LENGTH, SENDER_NAME_LENGTH


class LogoField(FileField):
    """A picture; `picture` is what we have drawn of it, None when none was sent."""

    picture: Picture | None = None

    def process_formdata(self, valuelist: list[Any]) -> None:
        super().process_formdata(valuelist)
        if not isinstance(self.data, FileStorage) or not self.data.filename:
            return
        with self.data.stream:
            uploaded = self.data.stream.read(MAX_UPLOAD_BYTES + 1)
        try:
            picture = draw_logo(uploaded)
            # no invoice may fail for it
            check_logo(picture.content)
        except InvalidInputError as error:
            raise ValueError(refusal(error)) from error
        self.picture = picture


class CompanyForm(Form):
    """Who the company is."""

    name = text_field(_l("Name"), InputRequired(_l("Enter a name.")), length=NAME_LENGTH)
    company_name = text_field(_l("Company name"))
    email = EmailField(_l("Company e-mail"), [latin_email], filters=[without_nul])
    address = long_text_field(_l("Address"))
    zip_code = text_field(_l("Zip code"), length=20)
    tax_id = text_field(_l("Tax ID"), length=60)
    reg_id = text_field(_l("Registration ID"), length=60)
    account_details = long_text_field(_l("Account details"))


class RegionForm(Form):
    """What new clients begin with."""

    currency = SelectField(_l("Currency"), [InputRequired(_l("Choose a currency."))])
    timezone = SelectField(_l("Time zone"), [InputRequired(_l("Choose a time zone."))])
    locale = SelectField(_l("Language"), [InputRequired(_l("Choose a language."))])

    def offer(self, *, currency: str, timezone: str, locale: str) -> None:
        """All that can be chosen, and what is stored in any case."""
        currencies = currency_choices()
        if currency not in dict(currencies):
            currencies.append((currency, currency))
        self.currency.choices = to_choices(currencies)
        zones = list_zone_names()
        extra = () if timezone in zones else (timezone,)
        self.timezone.choices = to_choices([(name, name) for name in (*zones, *extra)])
        self.locale.choices = locale_choices(locale)


class BrandingForm(Form):
    """How clients see the portal."""

    logo = LogoField(_l("Logo"))
    brand_color = text_field(_l("Colour"), length=20)
    portal_host = text_field(_l("Host name of the portal"), length=253)


class RulesForm(Form):
    """What clients may do by themselves in their panel."""

    edits_contacts = BooleanField(_l("Change their e-mail addresses"))
    edits_company = BooleanField(_l("Change company name and address"))
    edits_tax_ids = BooleanField(_l("Change tax and registration ID"))
    switches_auto_payment = BooleanField(_l("Switch automatic payment on and off"))
    refill_amounts = text_field(
        _l("Amounts offered for a refill"), InputRequired(_l("Enter at least one amount."))
    )

    def read_amounts(self) -> tuple[Decimal, ...]:
        """The amounts, typed one after the other; raises InvalidInputError at the field."""
        try:
            return tuple(
                parse_amount(one, get_locale() or "en")
                for one in re.split(r"[;\s]+", self.refill_amounts.data or "")
                if one
            )
        except InvalidInputError as error:
            raise InvalidInputError(error.text, "refill_amounts", **error.values) from error


class SenderForm(Form):
    """Who mails come from."""

    mail_from_name = text_field(_l("Sender’s name"), length=SENDER_NAME_LENGTH)
    mail_from = EmailField(_l("Sender’s address"), [latin_email], filters=[without_nul])


class ServerForm(Form):
    """The reseller's own mail server."""

    enabled = BooleanField(_l("Send over this server"))
    host = text_field(_l("Host"), InputRequired(_l("Enter a host name.")), length=253)
    port = IntegerField(
        _l("Port"),
        [
            InputRequired(_l("Enter a number.")),
            NumberRange(1, 65535, _l("Enter a number from 1 to 65535.")),
        ],
        default=587,
    )
    security = SelectField(
        _l("Security"),
        choices=to_choices(
            [
                ("starttls", _l("STARTTLS (usual at port 587)")),
                ("tls", _l("TLS from the first byte (port 465)")),
                ("none", _l("none: nothing is encrypted")),
            ]
        ),
    )
    user = text_field(_l("User"))
    password = PasswordField(_l("Password"), [Optional()])

    def validate_security(self, field: Field) -> None:
        if field.data not in SECURITIES:
            raise ValidationError(_("Choose one of them."))


class NumberingForm(Form):
    """How invoice numbers look."""

    template = StringField(
        _l("Template"), [InputRequired(_l("Enter a template."))], filters=[without_nul]
    )
    suretax = BooleanField(_l("Keep to what SureTax takes"))


class DefaultsForm(Form):
    """What clients begin with or fall back to."""

    payment_terms_id = SelectField(
        _l("Payment terms of new clients"), coerce=lambda value: int(value) if value else None
    )
    tax_profile_id = SelectField(
        _l("Tax profile of clients without their own"),
        coerce=lambda value: int(value) if value else None,
    )
