"""The form of signing in as somebody else: a reason, and for a reseller the person."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, TextAreaField
from wtforms.validators import InputRequired, Length

from tenants.signing_in_as import REASON_LENGTH


def _without_nul(text: str | None) -> str:
    # PostgreSQL takes no zero byte
    return (text or "").replace("\x00", "").strip()


class SignInAsForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    """Why; the audit log of the reseller keeps it."""

    reason = TextAreaField(
        _l("Reason"),
        [
            InputRequired(_l("Enter the reason.")),
            Length(max=REASON_LENGTH, message=_l("This is too long.")),
        ],
        filters=[_without_nul],
    )


class SignInAsUserForm(SignInAsForm):
    user_id = SelectField(_l("As"), coerce=int)
