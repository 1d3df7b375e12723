"""The tax profile form: rows of taxes, and what an amount would become with them."""

from datetime import date
from decimal import Decimal

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    DateField,
    FieldList,
    Form,
    FormField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
)
from wtforms.validators import InputRequired, Optional, ValidationError

from billing.suretax_profiles import SureTaxWords
from billing.tax_profiles import MOST_TAXES, ProfileMode, TaxRow
from portal.card_numbers import no_card_number
from portal.fields import AmountField, to_choices

MODES = {
    ProfileMode.EXCLUDING: _l("Taxes come on top of prices"),
    ProfileMode.INCLUDING: _l("Prices include their taxes"),
    ProfileMode.EXEMPT: _l("No tax: exempt or reverse charge"),
    ProfileMode.SURETAX: _l("SureTax computes US taxes on the invoice"),
}
SALES_TYPES = {
    "B": _l("Business"),
    "R": _l("Residential"),
    "I": _l("Industrial"),
    "L": _l("Lifeline"),
}


class TaxRowForm(Form):
    """One tax; an empty row is none."""

    name = StringField(_l("Tax"), [no_card_number])
    percent = AmountField(_l("Percent"))
    priority = IntegerField(_l("Priority"), [Optional()])
    valid_from = DateField(_l("From"), [Optional()])
    valid_until = DateField(_l("Until"), [Optional()])

    @property
    def is_empty(self) -> bool:
        return not (self.name.data or "").strip() and self.percent.data is None

    def to_row(self) -> TaxRow:
        return TaxRow(
            self.name.data or "",
            self.percent.data or Decimal(0),
            1 if self.priority.data is None else self.priority.data,
            self.valid_from.data,
            self.valid_until.data,
        )


class ProfileForm(Form):
    """A profile, its taxes, and an amount to try them on; `stamp` is that of what was shown."""

    stamp = HiddenField()
    reseller_id = SelectField(_l("Reseller"), coerce=int)
    name = StringField(_l("Name"), [InputRequired(_l("Enter a name.")), no_card_number])
    mode = RadioField(
        _l("Prices"),
        choices=to_choices([(mode.value, text) for mode, text in MODES.items()]),
        default=ProfileMode.EXCLUDING.value,
    )
    is_default = BooleanField(_l("Default of the reseller"))
    taxes = FieldList(FormField(TaxRowForm), _l("Taxes"), min_entries=1, max_entries=MOST_TAXES)
    sales_type = SelectField(
        _l("Customers"), choices=to_choices(list(SALES_TYPES.items())), default="B"
    )
    exemptions = StringField(_l("Tax exemption codes"), [no_card_number])
    try_amount = AmountField(_l("Amount"), default=Decimal(100))
    try_on = DateField(_l("On"), [Optional()])

    def to_words(self) -> SureTaxWords:
        """What a profile says to SureTax; other modes take no notice of it."""
        return SureTaxWords(self.sales_type.data or "", self.exemptions.data or "")

    def to_rows(self) -> list[TaxRow]:
        """What `billing.tax_profiles` takes; empty rows are left out."""
        return [row.form.to_row() for row in self.taxes if not row.form.is_empty]

    def add_row(self) -> None:
        """One more empty row, as long as there may be more."""
        if len(self.taxes.entries) < MOST_TAXES:
            self.taxes.append_entry()

    def remove_row(self, name: str) -> None:
        """Take away the row of this name; the last one becomes an empty one."""
        self.taxes.entries = [one for one in self.taxes.entries if one.name != name]
        if not self.taxes.entries:
            self.taxes.append_entry()

    def show(self, rows: list[TaxRow], today: date) -> None:
        """Fill in what is stored."""
        self.taxes.entries = []
        for row in rows:
            self.taxes.append_entry(row._asdict())
        if not rows:
            self.taxes.append_entry()
        self.try_on.data = today

    def validate_taxes(self, field: FieldList) -> None:  # type: ignore[type-arg]  # the stub's own parameter is of no use here
        if self.mode.data in (ProfileMode.EXEMPT, ProfileMode.SURETAX):
            return
        for row in field:
            if not row.form.is_empty and row.form.percent.data is None:
                raise ValidationError(_("Every tax needs a percent."))
