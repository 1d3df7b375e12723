"""The payment terms form."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Form, IntegerField, RadioField, SelectField, StringField
from wtforms.validators import InputRequired, Optional

from billing.models import PaymentTerms
from portal.card_numbers import no_card_number
from portal.fields import to_choices


class DaysField(StringField):
    """Numbers of days separated by commas or spaces; `days` are they."""

    days: list[int] = []

    def process_formdata(self, valuelist: list[Any]) -> None:
        super().process_formdata(valuelist)
        parts = (self.data or "").replace(",", " ").replace(";", " ").split()
        if not all(part.isdecimal() and len(part) < 5 for part in parts):
            raise ValueError(_("Write days as whole numbers, for example 7, 3, 1."))
        self.days = [int(part) for part in parts]


class TermsForm(Form):
    """When clients with these terms are invoiced and reminded."""

    reseller_id = SelectField(_l("Reseller"), coerce=int)
    name = StringField(_l("Name"), [InputRequired(_l("Enter a name.")), no_card_number])
    rule = RadioField(
        _l("Invoice"),
        choices=to_choices(
            [("day", _l("on a day of the month")), ("every", _l("every so many days"))]
        ),
        default="day",
    )
    day_of_month = IntegerField(_l("Day of the month"), [Optional()])
    every_days = IntegerField(_l("Number of days"), [Optional()])
    grace_days = IntegerField(_l("Days to pay"), [Optional()])
    remind_before = DaysField(_l("Remind before"))
    remind_after = DaysField(_l("Remind after"))

    def show(self, terms: PaymentTerms) -> None:
        """Fill in what is stored."""
        self.rule.data = "day" if terms.day_of_month is not None else "every"
        self.remind_before.data = ", ".join(map(str, terms.remind_before))
        self.remind_after.data = ", ".join(map(str, terms.remind_after))

    def to_details(self) -> dict[str, Any]:
        """What `billing.payment_terms` takes."""
        is_day = self.rule.data == "day"
        return {
            "name": self.name.data or "",
            "day_of_month": self.day_of_month.data if is_day else None,
            "every_days": None if is_day else self.every_days.data,
            "grace_days": self.grace_days.data or 0,
            "remind_before": self.remind_before.days,
            "remind_after": self.remind_after.days,
        }

    def validate(self, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401 (WTForms' own)
        """Also that the chosen rule has its number."""
        is_valid = super().validate(*args, **kwargs)
        wanted = self.day_of_month if self.rule.data == "day" else self.every_days
        if wanted.data is None and not wanted.errors:
            wanted.errors = [_("Enter a number.")]
            return False
        return is_valid
