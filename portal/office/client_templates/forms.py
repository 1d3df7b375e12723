"""The form of a client template: what is left open, the template does not say."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, Form, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from billing.template_billing import TemplateBilling
from core.currencies import list_active_currencies
from payments.client_templates import TemplateAutoPayment, TemplateValues
from portal.card_numbers import no_card_number
from portal.fields import AmountField, TagsField, id_or_none, to_choices
from portal.office import client_fields
from portal.office.client_offers import Choices
from tenants.client_templates import NAME_LENGTH, TemplateGeneral

_ROLES = [
    ("originator", _l("Originator")),
    ("terminator", _l("Terminator")),
    ("both", _l("Originator and terminator")),
]


def _text_or_none(value: object) -> str | None:
    return str(value) if value not in (None, "", "None") else None


def _yes_or_none(value: object) -> bool | None:
    return {"True": True, "False": False}.get(str(value))


def _chosen_id(label: Any) -> SelectField:  # noqa: ANN401 (a lazy text)
    return SelectField(label, coerce=id_or_none, validators=[Optional()])


def _yes_no(label: Any) -> SelectField:  # noqa: ANN401 (a lazy text)
    return SelectField(label, coerce=_yes_or_none, validators=[Optional()])


class TemplateForm(Form):
    """All blocks of a client that a template can say something of."""

    name = StringField(
        _l("Name"),
        [
            InputRequired(_l("Enter a name.")),
            Length(max=NAME_LENGTH, message=_l("Use at most 100 characters.")),
            no_card_number,
        ],
    )
    reseller_id = SelectField(_l("Reseller"), coerce=id_or_none, validators=[Optional()])
    is_default = BooleanField(_l("New clients of the reseller begin with it"))
    currency = SelectField(_l("Currency"), coerce=_text_or_none, validators=[Optional()])
    timezone = StringField(_l("Time zone"), [Optional(), client_fields.known_zone])
    role = SelectField(_l("Role"), coerce=_text_or_none, validators=[Optional()])
    tags = TagsField(_l("Tags"), [client_fields.tag_lengths, no_card_number])
    tax_profile_id = _chosen_id(_l("Tax profile"))
    postpaid = _yes_no(_l("Postpaid"))
    credit = AmountField(_l("Credit"), [client_fields.credit_digits])
    payment_terms_id = _chosen_id(_l("Payment terms"))
    notify_client = AmountField(_l("Notify client"), [client_fields.low_amount])
    notify_admin = AmountField(_l("Notify admin"), [client_fields.low_amount])
    threshold = AmountField(_l("Threshold"), [client_fields.low_amount])
    low_capacity = IntegerField(_l("Capacity"), [Optional(), client_fields.capacity])
    autoinvoicing = _yes_no(_l("Autoinvoicing"))
    invoice_template_id = _chosen_id(_l("Invoice template"))
    auto_enabled = _yes_no(_l("Auto Payment"))
    extra_amount = AmountField(_l("Extra amount"), [client_fields.charge_amount])
    day_cap = AmountField(_l("At most a day"), [client_fields.charge_amount])
    month_cap = AmountField(_l("At most a month"), [client_fields.charge_amount])

    def validate(self, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401 (WTForms' own)
        """Also that what stands together is said together."""
        is_valid = super().validate(*args, **kwargs)
        is_valid = client_fields.check_pair(self.threshold, self.low_capacity) and is_valid
        if self.postpaid.data and self.credit.data is not None:
            self.credit.errors = [*self.credit.errors, _("A postpaid client has no credit.")]
            is_valid = False
        return is_valid

    def show(self, values: TemplateValues) -> None:
        """Fill in what is stored."""
        for part in (values.general, values.billing, values.auto):
            for name in part.__dataclass_fields__:
                if name in self and name != "tags":
                    self[name].data = getattr(part, name)
        self.tags.data = ", ".join(values.general.tags)
        self.auto_enabled.data = values.auto.enabled

    def to_values(self) -> TemplateValues:
        """What the domain takes."""
        billing = {name: self[name].data for name in TemplateBilling.__dataclass_fields__}
        return TemplateValues(
            TemplateGeneral(
                name=self.name.data or "",
                is_default=self.is_default.data,
                currency=self.currency.data,
                timezone=(self.timezone.data or "").strip() or None,
                role=self.role.data,
                tags=tuple(self.tags.names),
            ),
            TemplateBilling(**billing),
            TemplateAutoPayment(
                enabled=self.auto_enabled.data,
                extra_amount=self.extra_amount.data,
                day_cap=self.day_cap.data,
                month_cap=self.month_cap.data,
            ),
        )

    def offer(self, choices: Choices) -> None:
        """The lists to choose from; the first choice of each says nothing."""
        nothing = ("", _("Does not say"))
        answers = to_choices([nothing, ("True", _("Yes")), ("False", _("No"))])
        for one in (self.postpaid, self.autoinvoicing, self.auto_enabled):
            one.choices = answers
        self.reseller_id.choices = to_choices(choices.resellers)
        self.role.choices = to_choices([nothing, *_ROLES])
        currencies = [(one.code, f"{one.code} – {one.name}") for one in list_active_currencies()]
        self.currency.choices = to_choices([nothing, *currencies])
        for field, offered in (
            (self.payment_terms_id, choices.terms),
            (self.tax_profile_id, choices.taxes),
            (self.invoice_template_id, choices.invoice_templates),
        ):
            field.choices = to_choices([nothing, *(one for one in offered if one[0] != "")])
