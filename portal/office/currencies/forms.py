"""Forms of the Currencies screens."""

from flask_babel import lazy_gettext as _l
from wtforms import (
    DateField,
    FileField,
    Form,
    HiddenField,
    IntegerField,
    SelectField,
    TextAreaField,
)
from wtforms.validators import InputRequired

from billing.currencies import Precision
from core.currencies import list_active_currencies
from portal.fields import AmountField, to_choices
from portal.tenant_form import without_nul

_NUMBER = InputRequired(_l("Enter a number."))


class PrecisionForm(Form):
    """How many decimals; `stamp` is that of what was shown."""

    stamp = HiddenField()
    rate_places = IntegerField(_l("Decimals of prices"), [_NUMBER])
    detail_places = IntegerField(_l("Decimals of lines"), [_NUMBER])
    total_places = IntegerField(_l("Decimals of totals"), [_NUMBER])

    def to_precision(self) -> Precision:
        return Precision(
            self.rate_places.data or 0, self.detail_places.data or 0, self.total_places.data or 0
        )


class NewCurrencyForm(PrecisionForm):
    """A currency to be used from now on."""

    code = SelectField(_l("Currency"), [InputRequired(_l("Choose a currency."))])

    def offer(self, used: set[str]) -> None:
        """All currencies that are not used yet; one that is sent again may stay."""
        self.code.choices = to_choices(
            [("", "")]
            + [
                (one.code, f"{one.code} – {one.name}")
                for one in list_active_currencies()
                if one.code not in used or one.code == self.code.data
            ]
        )


class RateForm(Form):
    """What a currency costs from a day on."""

    stamp = HiddenField()
    rate = AmountField(_l("Rate"), [InputRequired(_l("Enter a rate."))])


class NewRateForm(RateForm):
    """Which currency, in which, from which day."""

    from_currency = SelectField(_l("One unit of"), [InputRequired(_l("Choose a currency."))])
    to_currency = SelectField(_l("costs in"), [InputRequired(_l("Choose a currency."))])
    day = DateField(_l("From"), [InputRequired(_l("Choose a day."))])


class RatesFileForm(Form):
    """A file, or its text to be corrected in place."""

    file = FileField(_l("File"))
    text = TextAreaField(_l("Rows"), filters=[without_nul])
