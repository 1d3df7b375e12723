"""Card numbers are typed on the gateway's page only: no field of ours takes or shows one.

Fields name the validator themselves where people are most likely to err; `guard_every_form` adds it
to every other text field of every form, so that none can be forgotten.
"""

from typing import Any

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from wtforms import Field, Form, StringField
from wtforms.fields.core import UnboundField
from wtforms.meta import DefaultMeta
from wtforms.validators import StopValidation
from wtforms.widgets import TextArea

from core.errors import InvalidInputError
from core.logs import contains_card_number

# What is hidden nobody types, and a password is kept as its hash only.
_TYPED = frozenset(
    {"text", "search", "email", "tel", "url", "number", "date", "datetime-local", "month", "time"}
)
_bind = DefaultMeta.bind_field


def guard_every_form() -> None:
    """Let every text field of every form refuse card numbers. Call when the app is made."""
    # one place for all: a base class would have to be remembered with each new form
    DefaultMeta.bind_field = _bind_guarded  # type: ignore[assignment, method-assign]


def _bind_guarded(
    meta: DefaultMeta,
    form: Any,  # noqa: ANN401 (as WTForms has it)
    unbound_field: UnboundField,  # type: ignore[type-arg]
    options: Any,  # noqa: ANN401 (as WTForms has it)
) -> Field:
    field: Field = _bind(meta, form, unbound_field, options)
    widget = field.widget
    is_typed = isinstance(widget, TextArea) or getattr(widget, "input_type", "") in _TYPED
    if is_typed and no_card_number not in field.validators:
        field.validators = (no_card_number, *field.validators)
    return field


def without_card_numbers(sent: MultiDict[str, str]) -> MultiDict[str, str]:
    """What was sent, for drawing it again unchecked: fields that hold a card number are empty."""
    return MultiDict(
        (name, "" if contains_card_number(value) else value)
        for name, value in sent.items(multi=True)
    )


def refuse_card_number(typed: str, field: str) -> str:
    """What was typed into a field that belongs to no form class; raises InvalidInputError."""
    if contains_card_number(typed):
        raise InvalidInputError(
            "This looks like a card number. Never type it here: card details are only asked for on"
            " the secure page of the payment gateway.",
            field,
        )
    return typed


def no_card_number(_form: Form, field: Field) -> None:
    """Validator: refuses what looks like a card number and forgets it at once."""
    typed = " ".join(str(value) for value in field.raw_data or ())
    if not contains_card_number(typed):
        return
    field.raw_data = []
    # views may look at what failed: a text stays a text
    field.data = "" if isinstance(field, StringField) else None
    field.errors = []
    raise StopValidation(
        _(
            "This looks like a card number. Never type it here: card details are only asked for"
            " on the secure page of the payment gateway."
        )
    )
