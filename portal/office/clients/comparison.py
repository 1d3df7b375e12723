"""Two versions of a form side by side, when somebody else saved it meanwhile."""

from dataclasses import dataclass

from flask_babel import gettext as _
from wtforms import BooleanField, Field, HiddenField, PasswordField, SelectField

from portal.fields import AmountField
from portal.formatting import number
from portal.office.clients.forms import ClientForms


@dataclass(frozen=True, slots=True)
class Difference:
    """One field whose two values differ."""

    field_id: str
    label: str
    mine: str
    theirs: str


def list_differences(mine: ClientForms, theirs: ClientForms) -> list[Difference]:
    """Every field that says something else than what is stored; passwords are never shown."""
    return [
        Difference(one.id, str(one.label.text), _shown(one), _shown(other))
        for one, other in zip(mine, theirs, strict=True)
        if not isinstance(one, PasswordField | HiddenField)
        and (one.data or None) != (other.data or None)
    ]


def _shown(field: Field) -> str:
    if isinstance(field, BooleanField):
        return str(_("on") if field.data else _("off"))
    if isinstance(field, AmountField):
        return "" if field.data is None else number(field.data)
    if isinstance(field, SelectField):
        return next((str(choice[1]) for choice in field.iter_choices() if choice[2]), "")
    return "" if field.data is None else str(field.data)
