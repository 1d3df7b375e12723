"""Values of the form as a browser sends them: to compare, to carry along, to put in place.

`Shown` is what a form showed when it was drawn; it travels with the form, so that a later answer
knows which fields the person has changed. It is only ever held against that person's own fields.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, DateField, Field, HiddenField, PasswordField, SelectField

from core.clock import now
from portal.fields import AmountField, TagsField
from portal.formatting import day, number
from portal.office.clients.forms import ClientForms

Raw = dict[str, list[str]]
_MAX_LENGTH = 100_000


@dataclass(slots=True)
class Shown:
    """`values`: what is stored; `filled`: what a template put over it; `at`: when it was read."""

    at: datetime
    values: Raw
    filled: Raw = field(default_factory=dict)

    def to_text(self) -> str:
        return json.dumps(
            {"at": self.at.isoformat(), "values": self.values, "filled": self.filled},
            ensure_ascii=False,
        )


def show(forms: ClientForms) -> Shown:
    """What `forms`, drawn from what is stored, show."""
    return Shown(now(), raw_values(forms))


def read_shown(text: str | None) -> Shown | None:
    """What travelled with the form; None when it did not, or is nothing that we wrote."""
    found = read_object(text)
    values, filled = as_raw(found.get("values")), as_raw(found.get("filled"))
    try:
        at = datetime.fromisoformat(str(found.get("at")))
    except ValueError:
        return None
    return Shown(at, values, filled) if at.tzinfo is not None and values else None


def read_object(text: str | None) -> dict[str, Any]:
    """A JSON object out of a hidden field; empty for anything else."""
    if not text or len(text) > _MAX_LENGTH:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def as_raw(found: object) -> Raw:
    """Field ids with their values; whatever is not of this form is left out."""
    if not isinstance(found, dict):
        return {}
    return {
        name: values
        for name, values in found.items()
        if isinstance(name, str)
        and isinstance(values, list)
        and all(isinstance(value, str) for value in values)
    }


def raw_values(forms: ClientForms) -> Raw:
    """What a browser would send for `forms`, without secrets and what only travels along."""
    return {one.id: raw_value(one) for one in forms if is_compared(one)}


def raw_value(one: Field) -> list[str]:
    if isinstance(one, BooleanField):
        return ["y"] if one.data else []
    if isinstance(one, SelectField):
        return ["" if one.data is None else str(one.data)]
    value = one._value()  # type: ignore[attr-defined]  # every text box of WTForms has it
    return ["" if value is None else str(value)]


def is_compared(one: Field) -> bool:
    return not isinstance(one, PasswordField | HiddenField)


def put_in(formdata: MultiDict[str, str], changes: Raw) -> MultiDict[str, str]:
    """`formdata` with these fields changed."""
    changed = formdata.copy()
    for field_id, values in changes.items():
        changed.setlist(field_id, values)
    return changed


def is_same(one: Field, other: Field) -> bool:
    """Whether both say the same, however it is written."""
    if isinstance(one, TagsField) and isinstance(other, TagsField):
        return sorted(map(str.lower, one.names)) == sorted(map(str.lower, other.names))
    if one.errors or one.data is None or other.data is None:
        return (raw_value(one) or [""]) == (raw_value(other) or [""])
    if isinstance(one.data, str) and isinstance(other.data, str):
        # browsers send the lines of a text with CRLF
        return _lines(one.data) == _lines(other.data)
    return bool(one.data == other.data)


def shown_value(one: Field) -> str:
    """The value for reading."""
    if isinstance(one, BooleanField):
        return str(_("on") if one.data else _("off"))
    if isinstance(one, AmountField):
        return raw_value(one)[0] if one.data is None else number(one.data)
    if isinstance(one, SelectField):
        return next((str(choice[1]) for choice in one.iter_choices() if choice[2]), "")
    if isinstance(one, DateField):
        return "" if one.data is None else day(one.data)
    return "" if one.data is None else str(one.data)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
