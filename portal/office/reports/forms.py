"""The form of a saved report."""

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, Form, IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange

from billing.saved_reports import NAME_LENGTH, Schedule
from portal.fields import to_choices

WEEKDAYS = (
    (0, _l("Monday")),
    (1, _l("Tuesday")),
    (2, _l("Wednesday")),
    (3, _l("Thursday")),
    (4, _l("Friday")),
    (5, _l("Saturday")),
    (6, _l("Sunday")),
)
EVERY = (
    ("never", _l("Not at all")),
    ("day", _l("Every day")),
    ("week", _l("Every week")),
    ("month", _l("Every month")),
)
FORMATS = (
    ("xlsx", _l("Excel (XLSX)")),
    ("csv", _l("CSV")),
    ("csv-bom", _l("CSV for Excel (marked as UTF-8)")),
)


class SavedReportForm(Form):
    name = StringField(
        _l("Name"),
        [
            InputRequired(_l("Enter a name.")),
            Length(max=NAME_LENGTH, message=_l("Use at most 80 characters.")),
        ],
    )
    is_shared = BooleanField(_l("Share it with everybody of this reseller who may see reports"))
    format = SelectField(_l("File"), choices=to_choices(FORMATS), default="xlsx")
    every = SelectField(_l("Mail it"), choices=to_choices(EVERY), default="never")
    weekday = SelectField(_l("Day of the week"), choices=to_choices(WEEKDAYS), coerce=int)
    day_of_month = IntegerField(
        _l("Day of the month"),
        [NumberRange(1, 28, _l("The day of the month is from 1 to 28."))],
        default=1,
    )
    hour = IntegerField(
        _l("Hour of the day"), [NumberRange(0, 23, _l("An hour is from 0 to 23."))], default=6
    )
    recipients = TextAreaField(_l("To these addresses"), [Length(max=2000)])

    def schedule(self) -> Schedule:
        """What was typed; addresses stand on lines or between commas."""
        text = (self.recipients.data or "").replace(",", "\n").replace(";", "\n")
        return Schedule(
            every=self.every.data,
            weekday=self.weekday.data,
            day_of_month=self.day_of_month.data or 1,
            hour=self.hour.data or 0,
            recipients=tuple(one.strip() for one in text.splitlines() if one.strip()),
        )
