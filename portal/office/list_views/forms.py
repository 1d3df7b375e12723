"""The form of a saved view."""

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, Form, StringField
from wtforms.validators import InputRequired, Length

from tenants.list_views import NAME_LENGTH


class ViewForm(Form):
    name = StringField(
        _l("Name"),
        [
            InputRequired(_l("Enter a name.")),
            Length(max=NAME_LENGTH, message=_l("Use at most 60 characters.")),
        ],
    )
    is_shared = BooleanField(_l("Share it with everybody of this reseller"))
    takes_filters = BooleanField(_l("Take the filters as they are now"))
