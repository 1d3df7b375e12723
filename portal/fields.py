"""Form fields that speak our own words: amounts, e-mail addresses, time zones, tags."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from flask_babel import get_locale
from markupsafe import Markup, escape
from wtforms import Field, Form, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import ValidationError
from wtforms.widgets import Select, TextInput

from core.addresses import checked_email
from core.errors import InvalidInputError
from core.money import parse_amount
from portal import formatting
from portal.wording import refusal

# ids are bigints
_ID_LIMIT = 2**63


class ShortSelect(Select):
    """Writes an option without looking for attributes that it does not have.

    Currencies, time zones and languages are long lists: half of a form's time went into them.
    """

    @classmethod
    def render_option(cls, choice: Any, **kwargs: Any) -> Markup:  # type: ignore[override]  # noqa: ANN401 (newer than its stubs)
        if kwargs or choice.render_kw or isinstance(choice.value, bool):
            return super().render_option(choice, **kwargs)
        value, label = escape(choice.value), escape(choice.label or choice.value)
        selected = " selected" if choice.selected else ""
        return Markup(f'<option{selected} value="{value}">{label}</option>')  # noqa: S704 (escaped)


def shorten_every_select() -> None:
    """Let every select of every form be written so. Call when the app is made."""
    SelectField.widget = ShortSelect()  # type: ignore[misc]  # of the class, for every form


class AmountField(Field):
    """An exact decimal, typed with a comma or a point; empty is None."""

    widget = TextInput()
    data: Decimal | None

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else formatting.number(self.data)

    def process_formdata(self, valuelist: Sequence[Any]) -> None:
        if not valuelist:
            return  # an inactive field is not sent: what is stored stays
        text = str(valuelist[0]).strip()
        self.data = None
        if not text:
            return
        try:
            self.data = parse_amount(text, get_locale() or "en")
        except InvalidInputError as error:
            raise ValueError(refusal(error)) from error


class TagsField(StringField):
    """Names separated by commas; `names` are they, each once."""

    @property
    def names(self) -> list[str]:
        found = (" ".join(name.split()) for name in (self.data or "").split(","))
        return list(dict.fromkeys(name for name in found if name))


def id_or_none(value: object) -> int | None:
    """What a select of ids sends; raises ValueError for what no id can be."""
    if value in (None, "", "None"):
        return None
    number = int(str(value))
    if not 0 < number < _ID_LIMIT:
        raise ValueError("no id")
    return number


def to_choices(pairs: Iterable[tuple[object, object]]) -> list[Any]:
    """Pairs of value and text as a select field wants them."""
    return [SelectChoice(value=value, label=text) for value, text in pairs]


def latin_email(_form: Form, field: Field) -> None:
    """Validator: an address that our mail can reach, or none."""
    try:
        field.data = checked_email(field.data or "", field.short_name)
    except InvalidInputError as error:
        raise ValidationError(refusal(error)) from error


def put_error(form: Form, error: InvalidInputError) -> bool:
    """Show a domain error at its field; False when the form has no such field."""
    name = error.field or ""
    if name not in form:
        return False
    field = form[name]
    field.errors = [*field.errors, refusal(error)]
    return True
