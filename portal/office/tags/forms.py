"""Forms of the Tags screen."""

from flask_babel import lazy_gettext as _l
from wtforms import Form, HiddenField, RadioField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from portal.card_numbers import no_card_number
from portal.fields import to_choices
from portal.tenant_form import without_nul
from tenants.models import TAG_COLORS
from tenants.tags import NAME_LENGTH

COLOR_NAMES = {
    "": _l("none"),
    "red": _l("red"),
    "amber": _l("amber"),
    "green": _l("green"),
    "teal": _l("teal"),
    "blue": _l("blue"),
    "violet": _l("violet"),
    "pink": _l("pink"),
}


def _name(label: str, missing: str) -> StringField:
    return StringField(
        label,
        [
            InputRequired(missing),
            Length(max=NAME_LENGTH, message=_l("This is too long.")),
            no_card_number,
        ],
        filters=[without_nul],
    )


class TagForm(Form):
    """A tag; `was` is the name that was shown."""

    reseller_id = SelectField(_l("Reseller"), coerce=int)
    was = HiddenField()
    name = _name(_l("Name"), _l("Enter a name."))
    color = RadioField(
        _l("Colour"),
        choices=to_choices([(one, COLOR_NAMES[one]) for one in ("", *TAG_COLORS)]),
        default="",
    )


class MergeForm(Form):
    """Which tag takes the place of this one."""

    into = _name(_l("Merge into"), _l("Enter the name of the other tag."))
