"""The blocks of a client's form: each is one package's, with a form class of its own.

What traffic adds later (rate tables, routing, capacities of the Originator and Terminator blocks,
Rate Notification) are further form classes in `_FORMS` with a `_block_….html` of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    DateField,
    Field,
    Form,
    HiddenField,
    IntegerField,
    PasswordField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import EmailInput

from billing.client_billing import Billing
from billing.low_balance import LowBalance
from core.currencies import list_active_currencies
from core.errors import InvalidInputError
from payments import auto_payment
from payments.auto_payment import AutoPayment
from portal.card_numbers import no_card_number
from portal.fields import AmountField, TagsField, id_or_none, latin_email, to_choices
from portal.office import client_fields
from portal.office.client_offers import Choices
from portal.wording import refusal
from tenants import passwords
from tenants.client_blocks import LOGIN_LENGTH, Company, PanelLogin
from tenants.clients import NAME_LENGTH, General

_LONG = Length(max=500, message=_l("Use at most 500 characters."))
_STATUSES = [("active", _l("Active")), ("stop", _l("Stopped")), ("deleted", _l("Deleted"))]


class GeneralForm(Form):
    """tenants: General Settings; the tax profile stands among them as in every user's guide."""

    name = StringField(
        _l("Name"),
        [
            InputRequired(_l("Enter a name.")),
            Length(max=NAME_LENGTH, message=_l("Use at most 200 characters.")),
            no_card_number,
        ],
    )
    reseller_id = SelectField(_l("Reseller"), coerce=id_or_none, validators=[Optional()])
    currency = SelectField(_l("Currency"), [InputRequired(_l("Choose a currency."))])
    timezone = StringField(
        _l("Time zone"), [InputRequired(_l("Choose a time zone.")), client_fields.known_zone]
    )
    status = SelectField(_l("Status"), choices=to_choices(_STATUSES), default="active")
    template_id = SelectField(_l("Client’s template"), coerce=id_or_none, validators=[Optional()])
    applied_template_id = HiddenField()
    is_originator = BooleanField(_l("Originator"))
    is_terminator = BooleanField(_l("Terminator"))
    tags = TagsField(_l("Tags"), [client_fields.tag_lengths, no_card_number])
    tax_profile_id = SelectField(_l("Tax profile"), coerce=id_or_none, validators=[Optional()])

    def validate(self, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401 (WTForms' own)
        """Also that there is a role, and that a template chosen was applied as well."""
        is_valid = super().validate(*args, **kwargs)
        if not self.is_originator.data and not self.is_terminator.data:
            self.is_originator.errors = [_("Choose at least one role.")]
            is_valid = False
        if str(self.template_id.data or "") != (self.applied_template_id.data or ""):
            self.template_id.errors = [
                _("Press Apply, so that you see what the template fills in before you save.")
            ]
            is_valid = False
        return is_valid

    def to_block(self) -> General:
        return General(
            name=self.name.data or "",
            currency=self.currency.data,
            timezone=(self.timezone.data or "").strip(),
            status=self.status.data,
            is_originator=self.is_originator.data,
            is_terminator=self.is_terminator.data,
        )


class PanelForm(Form):
    """tenants: Client Panel."""

    enabled = BooleanField(_l("Client Panel"))
    login = StringField(
        _l("Login"),
        [Length(max=LOGIN_LENGTH, message=_l("Use at most 100 characters.")), no_card_number],
    )
    password = PasswordField(_l("Password"))

    def validate(self, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401 (WTForms' own)
        """Also that a panel that is on has a login, and that a new password is a good one."""
        is_valid = super().validate(*args, **kwargs)
        if self.enabled.data and not (self.login.data or "").strip():
            self.login.errors = [_("Enter a login.")]
            is_valid = False
        if self.password.data:
            try:
                passwords.check_strength(self.password.data, context=(self.login.data or "",))
            except InvalidInputError as error:
                self.password.errors = [refusal(error)]
                is_valid = False
        return is_valid

    def to_block(self) -> PanelLogin:
        return PanelLogin(self.enabled.data, self.login.data or "", self.password.data or "")


class CreditForm(Form):
    """billing: credit and payment mode, payment terms."""

    postpaid = BooleanField(_l("Postpaid"))
    credit = AmountField(_l("Credit"))
    payment_terms_id = SelectField(_l("Payment terms"), coerce=id_or_none, validators=[Optional()])

    def validate_credit(self, field: Field) -> None:
        """The field is inactive for postpaid: what it says then is not taken."""
        if not self.postpaid.data:
            client_fields.credit_digits(self, field)


class LowBalanceForm(Form):
    """billing: Low Balance Notifications."""

    notify_client = AmountField(_l("Notify client"), [client_fields.low_amount])
    notify_admin = AmountField(_l("Notify admin"), [client_fields.low_amount])
    threshold = AmountField(_l("Threshold"), [client_fields.low_amount])
    low_capacity = IntegerField(_l("Capacity"), [Optional(), client_fields.capacity])

    def validate(self, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401 (WTForms' own)
        """Also that threshold and capacity stand together."""
        is_valid = super().validate(*args, **kwargs)
        return client_fields.check_pair(self.threshold, self.low_capacity) and is_valid

    def to_block(self) -> LowBalance:
        return LowBalance(
            notify_client=self.notify_client.data,
            notify_admin=self.notify_admin.data,
            threshold=self.threshold.data,
            low_capacity=self.low_capacity.data,
        )


class InvoicingForm(Form):
    """billing: Autoinvoicing."""

    autoinvoicing = BooleanField(_l("Autoinvoicing"))
    invoice_template_id = SelectField(_l("Template"), coerce=id_or_none, validators=[Optional()])
    last_invoiced_on = DateField(_l("Last invoiced"), [Optional()])
    shown_last_invoiced_on = HiddenField()

    @property
    def is_day_touched(self) -> bool:
        """Whether somebody chose the day here; else an invoice made meanwhile may have moved it."""
        shown = self.shown_last_invoiced_on.data or ""
        return shown != _iso(self.last_invoiced_on.data)


class AutoPaymentForm(Form):
    """payments: Auto Payment."""

    enabled = BooleanField(_l("Auto Payment"))
    extra_amount = AmountField(_l("Extra amount"), [client_fields.charge_amount])
    day_cap = AmountField(_l("At most a day"), [client_fields.charge_amount])
    month_cap = AmountField(_l("At most a month"), [client_fields.charge_amount])

    def check_decimals(self, currency: str) -> bool:
        """No more decimals than the client's currency has."""
        is_valid = True
        for one in (self.extra_amount, self.day_cap, self.month_cap):
            if one.errors or one.data is None:
                continue
            try:
                auto_payment.check_decimals(one.data, currency, one.short_name)
            except InvalidInputError as error:
                one.errors = [*one.errors, refusal(error)]
                is_valid = False
        return is_valid

    def to_block(self) -> AutoPayment:
        return AutoPayment(
            enabled=self.enabled.data,
            extra_amount=self.extra_amount.data or Decimal(0),
            day_cap=self.day_cap.data,
            month_cap=self.month_cap.data,
        )


class CompanyForm(Form):
    """tenants: Company Info."""

    company_name = StringField(_l("Company name"), [_LONG, no_card_number])
    main_email = StringField(_l("Main e-mail"), [latin_email], widget=EmailInput())
    noc_email = StringField(_l("NOC e-mail"), [latin_email], widget=EmailInput())
    notify_factors_watcher = BooleanField(_l("Notify about Factors Watcher blocks"))
    billing_email = StringField(_l("Billing e-mail"), [latin_email], widget=EmailInput())
    rates_email = StringField(_l("Rates e-mail"), [latin_email], widget=EmailInput())
    address = TextAreaField(_l("Address"), [_LONG, no_card_number])
    zip_code = StringField(_l("Zip code"), [_LONG, no_card_number])
    tax_id = StringField(_l("Tax ID"), [_LONG, client_fields.country_tax_id])
    reg_id = StringField(_l("Reg ID"), [_LONG])
    account_details = TextAreaField(_l("Account details"), [_LONG])
    locale = SelectField(_l("Locale"), validators=[Optional()])

    def to_block(self) -> Company:
        plain = {name: field.data for name, field in self._fields.items()}
        return Company(**{**plain, "locale": plain["locale"] or ""})


_FORMS: dict[str, type[Form]] = {
    "general": GeneralForm,
    "panel": PanelForm,
    "credit": CreditForm,
    "low": LowBalanceForm,
    "invoicing": InvoicingForm,
    "auto": AutoPaymentForm,
    "company": CompanyForm,
}


@dataclass(slots=True)
class ClientForms:
    """The whole form: its blocks in the order they stand on the screen.

    `writable`: the blocks that the person may change; the others show what is stored.
    """

    general: GeneralForm
    panel: PanelForm
    credit: CreditForm
    low: LowBalanceForm
    invoicing: InvoicingForm
    auto: AutoPaymentForm
    company: CompanyForm
    writable: frozenset[str]

    @property
    def blocks(self) -> tuple[Form, ...]:
        return tuple(getattr(self, name) for name in _FORMS)

    def __iter__(self) -> Iterator[Field]:
        for block in self.blocks:
            yield from block

    def get_field(self, field_id: str) -> Field | None:
        """The field of this id, if the form has it."""
        return next((field for field in self if field.id == field_id), None)

    def is_writable(self, field_id: str) -> bool:
        return field_id.partition("-")[0] in self.writable

    def validate(self) -> bool:
        """Every writable block is checked, so that all that is wrong is seen at once."""
        checked = [getattr(self, name).validate() for name in _FORMS if name in self.writable]
        if "auto" in self.writable and self.general.currency.data:
            checked.append(self.auto.check_decimals(self.general.currency.data))
        checked.append(self._has_terms())
        return all(checked)

    def _has_terms(self) -> bool:
        """Autoinvoicing needs payment terms; told at the field that the person may change."""
        terms, switch = self.credit.payment_terms_id, self.invoicing.autoinvoicing
        if not switch.data or terms.data is not None or terms.errors:
            return True
        told_at = terms if "credit" in self.writable else switch
        told_at.errors = [*told_at.errors, _("Autoinvoicing needs payment terms.")]
        return False

    @property
    def has_errors(self) -> bool:
        return any(field.errors for field in self)

    def to_billing(self, stored: Billing) -> Billing:
        """The billing block; what the form does not say, or may not, stays as it is stored."""
        wish = replace(stored, tax_profile_id=self.general.tax_profile_id.data)
        if "credit" in self.writable:
            is_postpaid = self.credit.postpaid.data
            wish = replace(
                wish,
                postpaid=is_postpaid,
                # the field is inactive for postpaid: what a request says all the same is not taken
                credit=stored.credit if is_postpaid else self.credit.credit.data or Decimal(0),
                payment_terms_id=self.credit.payment_terms_id.data,
            )
        if "invoicing" in self.writable:
            invoicing = self.invoicing
            is_touched = invoicing.is_day_touched
            wish = replace(
                wish,
                autoinvoicing=invoicing.autoinvoicing.data,
                invoice_template_id=invoicing.invoice_template_id.data,
                last_invoiced_on=(
                    invoicing.last_invoiced_on.data if is_touched else stored.last_invoiced_on
                ),
            )
        return wish


def make_forms(
    formdata: MultiDict[str, str] | None,
    choices: Choices,
    stored: dict[str, object],
    writable: frozenset[str],
) -> ClientForms:
    """The blocks filled from what was sent, else from `stored`: a block object per prefix.

    A block that is not writable is always filled from `stored`.
    """
    blocks = {
        name: form_class(
            formdata if name in writable else None, obj=stored.get(name), prefix=f"{name}-"
        )
        for name, form_class in _FORMS.items()
    }
    forms = ClientForms(**blocks, writable=writable)  # type: ignore[arg-type]  # each its own class
    _offer(forms, choices)
    if formdata is None:
        invoicing = forms.invoicing
        invoicing.shown_last_invoiced_on.data = _iso(invoicing.last_invoiced_on.data)
        forms.general.applied_template_id.data = str(forms.general.template_id.data or "")
    return forms


def _offer(forms: ClientForms, choices: Choices) -> None:
    forms.general.reseller_id.choices = to_choices(choices.resellers)
    currencies = [(one.code, f"{one.code} – {one.name}") for one in list_active_currencies()]
    stored = forms.general.currency.object_data
    if stored and stored not in dict(currencies):
        # a currency that has ended since stays with the clients that have it
        currencies.append((stored, stored))
    forms.general.currency.choices = to_choices(currencies)
    forms.general.template_id.choices = to_choices(choices.templates)
    forms.general.tax_profile_id.choices = to_choices(choices.taxes)
    forms.credit.payment_terms_id.choices = to_choices(choices.terms)
    forms.invoicing.invoice_template_id.choices = to_choices(choices.invoice_templates)
    forms.company.locale.choices = to_choices(choices.locales)


def _iso(day: date | None) -> str:
    return "" if day is None else day.isoformat()
