"""Card numbers are typed on the gateway's page only: no field of ours takes or shows one."""

from flask_babel import gettext as _
from wtforms import Field, Form
from wtforms.validators import StopValidation

from core.logs import contains_card_number


def no_card_number(_form: Form, field: Field) -> None:
    """Validator: refuses what looks like a card number and forgets it at once."""
    typed = " ".join(str(value) for value in field.raw_data or ())
    if not contains_card_number(typed):
        return
    field.raw_data = []
    field.data = None
    field.errors = []
    raise StopValidation(
        _(
            "This looks like a card number. Never type it here: card details are only asked for"
            " on the secure page of the payment gateway."
        )
    )
