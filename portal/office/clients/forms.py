"""The blocks of a client's form: each is one package's, with a form class of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    DateField,
    Field,
    Form,
    HiddenField,
    PasswordField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import EmailInput

from billing.client_billing import Billing
from core.currencies import list_active_currencies
from payments.auto_payment import AutoPayment
from portal.card_numbers import no_card_number
from portal.fields import AmountField, TagsField, latin_email, to_choices
from tenants.client_blocks import Company, PanelLogin
from tenants.clients import NAME_LENGTH, General

_LONG = Length(max=500, message=_l("Use at most 500 characters."))
_STATUSES = [("active", _l("Active")), ("stop", _l("Stopped")), ("deleted", _l("Deleted"))]


def _id_or_none(value: object) -> int | None:
    return int(str(value)) if value not in (None, "", "None") else None


class GeneralForm(Form):
    """tenants: General Settings."""

    name = StringField(
        _l("Name"),
        [
            InputRequired(_l("Enter a name.")),
            Length(max=NAME_LENGTH, message=_l("Use at most 200 characters.")),
            no_card_number,
        ],
    )
    reseller_id = SelectField(_l("Reseller"), coerce=_id_or_none, validators=[Optional()])
    currency = SelectField(_l("Currency"), [InputRequired(_l("Choose a currency."))])
    timezone = StringField(_l("Time zone"), [InputRequired(_l("Choose a time zone."))])
    status = SelectField(_l("Status"), choices=to_choices(_STATUSES), default="active")
    tags = TagsField(_l("Tags"), [no_card_number])

    def to_block(self) -> General:
        return General(
            name=self.name.data or "",
            currency=self.currency.data,
            timezone=(self.timezone.data or "").strip(),
            status=self.status.data,
        )


class PanelForm(Form):
    """tenants: Client Panel."""

    enabled = BooleanField(_l("Client Panel"))
    login = StringField(_l("Login"), [no_card_number])
    password = PasswordField(_l("Password"))

    def to_block(self) -> PanelLogin:
        return PanelLogin(self.enabled.data, self.login.data or "", self.password.data or "")


class CreditForm(Form):
    """billing: credit and payment mode."""

    postpaid = BooleanField(_l("Postpaid"))
    credit = AmountField(_l("Credit"))
    payment_terms_id = SelectField(_l("Payment terms"), coerce=_id_or_none, validators=[Optional()])
    tax_profile_id = SelectField(_l("Tax profile"), coerce=_id_or_none, validators=[Optional()])


class InvoicingForm(Form):
    """billing: Autoinvoicing."""

    autoinvoicing = BooleanField(_l("Autoinvoicing"))
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
    extra_amount = AmountField(_l("Extra amount"))
    day_cap = AmountField(_l("At most a day"))
    month_cap = AmountField(_l("At most a month"))

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
    billing_email = StringField(_l("Billing e-mail"), [latin_email], widget=EmailInput())
    noc_email = StringField(_l("NOC e-mail"), [latin_email], widget=EmailInput())
    rates_email = StringField(_l("Rates e-mail"), [latin_email], widget=EmailInput())
    notify_factors_watcher = BooleanField(_l("Notify about Factors Watcher blocks"))
    address = TextAreaField(_l("Address"), [_LONG, no_card_number])
    zip_code = StringField(_l("Zip code"), [_LONG, no_card_number])
    tax_id = StringField(_l("Tax ID"), [_LONG])
    reg_id = StringField(_l("Reg ID"), [_LONG])
    account_details = TextAreaField(_l("Account details"), [_LONG])
    locale = SelectField(_l("Locale"), validators=[Optional()])

    def to_block(self) -> Company:
        plain = {name: field.data for name, field in self._fields.items()}
        return Company(**{**plain, "locale": plain["locale"] or ""})


@dataclass(frozen=True, slots=True)
class Choices:
    """What the selects offer: pairs of value and text."""

    resellers: Sequence[tuple[int, str]]
    terms: Sequence[tuple[int | str, str]]
    taxes: Sequence[tuple[int | str, str]]
    locales: Sequence[tuple[str, str]]


@dataclass(slots=True)
class ClientForms:
    """The whole form: its blocks in the order they stand on the screen."""

    general: GeneralForm
    panel: PanelForm
    credit: CreditForm
    invoicing: InvoicingForm
    auto: AutoPaymentForm
    company: CompanyForm

    @property
    def blocks(self) -> tuple[Form, ...]:
        return (
            self.general, self.panel, self.credit, self.invoicing, self.auto, self.company,
        )  # fmt: skip

    def __iter__(self) -> Iterator[Field]:
        for block in self.blocks:
            yield from block

    def validate(self) -> bool:
        """Every block is checked, so that all that is wrong is seen at once."""
        return all([block.validate() for block in self.blocks])

    def to_billing(self, stored: Billing) -> Billing:
        """The billing block; what the form does not say stays as it is stored."""
        credit, invoicing = self.credit, self.invoicing
        return Billing(
            postpaid=credit.postpaid.data,
            # the field is inactive for postpaid: a browser then does not send it
            credit=stored.credit if credit.postpaid.data else credit.credit.data or Decimal(0),
            payment_terms_id=credit.payment_terms_id.data,
            tax_profile_id=credit.tax_profile_id.data,
            autoinvoicing=invoicing.autoinvoicing.data,
            last_invoiced_on=(
                invoicing.last_invoiced_on.data
                if invoicing.is_day_touched
                else stored.last_invoiced_on
            ),
        )


def make_forms(
    formdata: MultiDict[str, str] | None, choices: Choices, stored: dict[str, object]
) -> ClientForms:
    """The blocks filled from what was sent, else from `stored`: a block object per prefix."""
    forms = ClientForms(
        **{
            name: form_class(formdata, obj=stored.get(name), prefix=f"{name}-")
            for name, form_class in (
                ("general", GeneralForm),
                ("panel", PanelForm),
                ("credit", CreditForm),
                ("invoicing", InvoicingForm),
                ("auto", AutoPaymentForm),
                ("company", CompanyForm),
            )
        }  # type: ignore[arg-type]  # each name with the class of its own
    )
    _offer(forms, choices)
    if formdata is None:
        invoicing = forms.invoicing
        invoicing.shown_last_invoiced_on.data = _iso(invoicing.last_invoiced_on.data)
    return forms


def _offer(forms: ClientForms, choices: Choices) -> None:
    forms.general.reseller_id.choices = to_choices(choices.resellers)
    currencies = [(one.code, f"{one.code} – {one.name}") for one in list_active_currencies()]
    stored = forms.general.currency.object_data
    if stored and stored not in dict(currencies):
        # a currency that has ended since stays with the clients that have it
        currencies.append((stored, stored))
    forms.general.currency.choices = to_choices(currencies)
    forms.credit.payment_terms_id.choices = to_choices(choices.terms)
    forms.credit.tax_profile_id.choices = to_choices(choices.taxes)
    forms.company.locale.choices = to_choices(choices.locales)


def _iso(day: date | None) -> str:
    return "" if day is None else day.isoformat()
