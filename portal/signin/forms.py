"""The forms at the doors and on one's own account page."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    EmailField,
    HiddenField,
    PasswordField,
    SelectField,
    StringField,
)
from wtforms.validators import InputRequired, Length

from portal.card_numbers import no_card_number
from portal.fields import latin_email
from portal.tenant_form import without_nul


class StaffSignInForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    name = EmailField(_l("E-mail"), [InputRequired(_l("Enter your e-mail address."))], name="email")
    password = PasswordField(_l("Password"), [InputRequired(_l("Enter your password."))])


class PanelSignInForm(FlaskForm):  # type: ignore[misc]  # as above
    name = StringField(
        _l("Login"), [InputRequired(_l("Enter your login.")), no_card_number], name="login"
    )
    password = PasswordField(_l("Password"), [InputRequired(_l("Enter your password."))])


class StaffForgotForm(FlaskForm):  # type: ignore[misc]  # as above
    name = EmailField(_l("E-mail"), [InputRequired(_l("Enter your e-mail address."))], name="email")


class PanelForgotForm(FlaskForm):  # type: ignore[misc]  # as above
    name = StringField(
        _l("Login"), [InputRequired(_l("Enter your login.")), no_card_number], name="login"
    )


class NewPasswordForm(FlaskForm):  # type: ignore[misc]  # as above
    password = PasswordField(
        _l("New password"), [InputRequired(_l("Enter a new password.")), no_card_number]
    )


class ChangePasswordForm(FlaskForm):  # type: ignore[misc]  # as above
    current = PasswordField(
        _l("Present password"), [InputRequired(_l("Enter your present password."))]
    )
    password = PasswordField(
        _l("New password"), [InputRequired(_l("Enter a new password.")), no_card_number]
    )


def _code(label: str, message: str) -> StringField:
    return StringField(
        label,
        [InputRequired(message), no_card_number, Length(max=60, message=_l("This is too long."))],
    )


class SecondStepForm(FlaskForm):  # type: ignore[misc]  # as above
    code = _code(_l("Code"), _l("Enter the code."))


class SetUpForm(FlaskForm):  # type: ignore[misc]  # as above
    """`offer` is the sealed secret that the page shows; it is stored when a code confirms it."""

    offer = HiddenField()
    code = _code(_l("Code that the app shows"), _l("Enter the code."))


class RenewCodesForm(FlaskForm):  # type: ignore[misc]  # as above
    code = _code(_l("Code of your app"), _l("Enter the code."))


class DisableForm(FlaskForm):  # type: ignore[misc]  # as above
    current = PasswordField(
        _l("Present password"), [InputRequired(_l("Enter your present password."))]
    )
    code = _code(_l("Code of your app"), _l("Enter the code."))


def _line(label: str, message: str = "") -> StringField:
    checks = [InputRequired(message)] if message else []
    return StringField(label, [*checks, no_card_number], filters=[without_nul])


class SignUpForm(FlaskForm):  # type: ignore[misc]  # as above
    """What a stranger says of itself."""

    name = _line(_l("Your name"), _l("Enter your name."))
    company_name = _line(_l("Company"))
    email = EmailField(_l("E-mail"), [InputRequired(_l("Enter your e-mail address.")), latin_email])
    login = _line(_l("Login"), _l("Enter a login."))
    password = PasswordField(_l("Password"), [InputRequired(_l("Enter a password."))])
    country = SelectField(_l("Country"))
    timezone = SelectField(_l("Time zone"))
    has_accepted = BooleanField(_l("I accept the terms"))


class ConfirmSignUpForm(FlaskForm):  # type: ignore[misc]  # as above
    """`login` is asked for only when the one that was wished is taken."""

    login = _line(_l("Login"))
