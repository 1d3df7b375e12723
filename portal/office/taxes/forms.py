"""The tax profile form: a few rows of name, percent and priority."""

from decimal import Decimal

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, FieldList, Form, FormField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Optional, ValidationError

from portal.card_numbers import no_card_number
from portal.fields import AmountField

ROWS = 6


class TaxRowForm(Form):
    """One tax; an empty row is none."""

    name = StringField(_l("Tax"), [no_card_number])
    percent = AmountField(_l("Percent"))
    priority = IntegerField(_l("Priority"), [Optional()])

    @property
    def is_empty(self) -> bool:
        return not (self.name.data or "").strip() and self.percent.data is None


class ProfileForm(Form):
    """A profile and its taxes."""

    reseller_id = SelectField(_l("Reseller"), coerce=int)
    name = StringField(_l("Name"), [InputRequired(_l("Enter a name.")), no_card_number])
    is_default = BooleanField(_l("Default of the reseller"))
    taxes = FieldList(FormField(TaxRowForm), _l("Taxes"), min_entries=ROWS, max_entries=20)

    def to_rows(self) -> list[tuple[str, Decimal, int]]:
        """What `billing.tax_profiles` takes; empty rows are left out."""
        return [
            (
                row.form.name.data or "",
                row.form.percent.data or Decimal(0),
                row.form.priority.data or 1,
            )
            for row in self.taxes
            if not row.form.is_empty
        ]

    def validate_taxes(self, field: FieldList) -> None:  # type: ignore[type-arg]  # the stub's own parameter is of no use here
        for row in field:
            if not row.form.is_empty and row.form.percent.data is None:
                raise ValidationError(_("Every tax needs a percent."))
