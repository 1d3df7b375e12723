"""Forms of the Resellers screen; that of a new one is shared (portal/tenant_form.py)."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from portal.tenant_form import without_nul
from tenants.resellers import REASON_LENGTH


class ReasonForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    """Why a reseller is suspended or reactivated; the audit log keeps it."""

    reason = TextAreaField(
        _l("Reason"),
        [InputRequired(_l("Enter the reason.")), Length(max=REASON_LENGTH)],
        filters=[without_nul],
    )
