"""The forms at the doors and on one's own account page."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import InputRequired


class StaffSignInForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    name = EmailField(_l("E-mail"), [InputRequired(_l("Enter your e-mail address."))], name="email")
    password = PasswordField(_l("Password"), [InputRequired(_l("Enter your password."))])


class PanelSignInForm(FlaskForm):  # type: ignore[misc]  # as above
    name = StringField(_l("Login"), [InputRequired(_l("Enter your login."))], name="login")
    password = PasswordField(_l("Password"), [InputRequired(_l("Enter your password."))])


class StaffForgotForm(FlaskForm):  # type: ignore[misc]  # as above
    name = EmailField(_l("E-mail"), [InputRequired(_l("Enter your e-mail address."))], name="email")


class PanelForgotForm(FlaskForm):  # type: ignore[misc]  # as above
    name = StringField(_l("Login"), [InputRequired(_l("Enter your login."))], name="login")


class NewPasswordForm(FlaskForm):  # type: ignore[misc]  # as above
    password = PasswordField(_l("New password"), [InputRequired(_l("Enter a new password."))])


class ChangePasswordForm(FlaskForm):  # type: ignore[misc]  # as above
    current = PasswordField(
        _l("Present password"), [InputRequired(_l("Enter your present password."))]
    )
    password = PasswordField(_l("New password"), [InputRequired(_l("Enter a new password."))])
