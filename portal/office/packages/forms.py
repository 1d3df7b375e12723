"""The forms of a package, of a new subscription, and of how one ends or changes."""

from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    DateField,
    FieldList,
    Form,
    FormField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
)
from wtforms.validators import InputRequired, Optional, ValidationError

from billing.packages import Terms, Units
from core.currencies import list_active_currencies
from portal.card_numbers import no_card_number
from portal.fields import AmountField, id_or_none, to_choices

ROWS = 4
PERIOD_UNITS = [
    ("day", _l("days")),
    ("week", _l("weeks")),
    ("month", _l("months")),
    ("year", _l("years")),
]
ALIGNMENTS = [
    ("start", _l("on the day the client subscribes")),
    ("calendar", _l("with the calendar’s week, month or year")),
    ("terms", _l("with the client’s payment terms")),
]
TAX_MODES = [
    ("excluding", _l("fees are without tax")),
    ("including", _l("fees include the tax")),
    ("none", _l("no taxes")),
]
STATUSES = [
    ("active", _l("active")),
    ("disabled", _l("not offered to new clients")),
    ("archived", _l("archived")),
]


class UnitsRowForm(Form):
    """Included units of one destination; a row without a quantity is none."""

    destination = StringField(_l("Destination"), [no_card_number])
    quantity = AmountField(_l("Quantity"))
    unit = SelectField(
        _l("Unit"),
        choices=to_choices([("second", _l("seconds")), ("unit", _l("units"))]),
        default="second",
    )


class PackageForm(Form):
    """Everything of a package."""

    reseller_id = SelectField(_l("Reseller"), coerce=int)
    name = StringField(_l("Name"), [InputRequired(_l("Enter a name.")), no_card_number])
    status = SelectField(_l("Status"), choices=to_choices(STATUSES))
    currency = SelectField(_l("Currency"))
    activation_fee = AmountField(_l("Activation fee"))
    periodic_fee = AmountField(_l("Periodic fee"))
    period_count = IntegerField(_l("Period"), [InputRequired(_l("Enter a number."))], default=1)
    period_unit = SelectField(_l("of"), choices=to_choices(PERIOD_UNITS), default="month")
    alignment = RadioField(_l("Periods begin"), choices=to_choices(ALIGNMENTS), default="start")
    prorate_start = BooleanField(_l("A part of a period costs its part of the fee"))
    prorate_stop = BooleanField(_l("Stopping now gives back the days left"))
    renewals = IntegerField(_l("Renewals"), [Optional()])
    tax_mode = SelectField(_l("Taxes"), choices=to_choices(TAX_MODES))
    priority = IntegerField(_l("Priority"), [InputRequired(_l("Enter a number."))], default=10)
    units = FieldList(FormField(UnitsRowForm), _l("Included units"), min_entries=ROWS)

    def offer(self, resellers: list[tuple[int, str]], *, stored: str = "") -> None:
        """Choices; a currency that has ended since stays with the packages that have it."""
        self.reseller_id.choices = to_choices(resellers)
        codes = [one.code for one in list_active_currencies()]
        if stored and stored not in codes:
            codes.append(stored)
        self.currency.choices = to_choices([(code, code) for code in sorted(codes)])

    def to_terms(self) -> Terms:
        """What `billing.packages` takes."""
        return Terms(
            name=self.name.data or "",
            status=self.status.data,
            currency=self.currency.data,
            activation_fee=self.activation_fee.data or Decimal(0),
            periodic_fee=self.periodic_fee.data or Decimal(0),
            period_count=self.period_count.data or 0,
            period_unit=self.period_unit.data,
            alignment=self.alignment.data,
            prorate_start=bool(self.prorate_start.data),
            prorate_stop=bool(self.prorate_stop.data),
            renewals=self.renewals.data,
            tax_mode=self.tax_mode.data,
            priority=self.priority.data or 0,
            units=tuple(
                Units(row.form.destination.data or "", row.form.unit.data, row.form.quantity.data)
                for row in self.units
                if row.form.quantity.data is not None
            ),
        )


class SubscribeForm(Form):
    """A package for a client."""

    package_id = SelectField(_l("Package"), coerce=id_or_none)
    quantity = IntegerField(_l("Quantity"), [InputRequired(_l("Enter a number."))], default=1)
    starts_on = DateField(_l("First day"), [Optional()])

    def offer(self, packages: list[tuple[int, str]], *, first: date | None = None) -> None:
        self.package_id.choices = to_choices([("", _("Choose a package")), *packages])
        if first is not None and not self.starts_on.raw_data:
            self.starts_on.data = first

    def validate_package_id(self, field: Any) -> None:  # noqa: ANN401 (a WTForms field)
        if field.data is None:
            raise ValidationError(_("Choose a package."))


class ChangeForm(SubscribeForm):
    """Another package, from today on."""

    starts_on = None  # type: ignore[assignment]  # WTForms' own way to leave a field out

    def offer(self, packages: list[tuple[int, str]], *, first: date | None = None) -> None:
        self.package_id.choices = to_choices([("", _("Choose a package")), *packages])


class EndForm(Form):
    """How a subscription ends."""

    how = RadioField(
        _l("When"),
        choices=to_choices(
            [
                ("stop_at_end", _l("at the end of the period under way")),
                ("stop_now", _l("today is the last day")),
                ("cancel", _l("today is the last day, and the days left are given back")),
            ]
        ),
        default="stop_at_end",
    )
