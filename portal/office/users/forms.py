"""The form of a user."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    EmailField,
    HiddenField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length

from core.errors import InvalidInputError
from core.zones import list_zone_names
from portal.card_numbers import no_card_number
from portal.fields import latin_email, to_choices
from portal.locales import language_choices
from portal.wording import refusal
from tenants.networks import is_allowed, parse_networks
from tenants.staff import NAME_LENGTH
from tenants.users import UserDetails


def _without_nul(text: str | None) -> str:
    # PostgreSQL takes no zero byte
    return (text or "").replace("\x00", "").strip()


class NetworksField(TextAreaField):
    """Addresses and networks, one a line; `networks` are they."""

    networks: list[str] = []

    def process_formdata(self, valuelist: list[Any]) -> None:
        super().process_formdata(valuelist)
        try:
            self.networks = parse_networks(self.data or "")
        except InvalidInputError as error:
            raise ValueError(refusal(error)) from error


class UserForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    """A person of a reseller. `lock_out` is asked for by the view when it is needed."""

    version = HiddenField()
    reseller_id = SelectField(_l("Reseller"), coerce=int)
    name = StringField(
        _l("Name"),
        [
            InputRequired(_l("Enter a name.")),
            Length(max=NAME_LENGTH, message=_l("This is too long.")),
            no_card_number,
        ],
        filters=[_without_nul],
    )
    email = EmailField(
        _l("E-mail"),
        [InputRequired(_l("Enter an e-mail address.")), latin_email],
        filters=[_without_nul],
    )
    role_id = SelectField(
        _l("Role"),
        [InputRequired(_l("Choose a role."))],
        coerce=lambda value: int(value) if value else None,
    )
    status = SelectField(
        _l("Status"),
        choices=to_choices([("active", _l("active")), ("stop", _l("stopped"))]),
        default="active",
    )
    locale = SelectField(_l("Language"))
    timezone = SelectField(_l("Time zone"))
    allowed_networks = NetworksField(_l("Allowed addresses"), filters=[_without_nul])
    lock_out = BooleanField(_l("I know that this locks me out"))

    def offer(
        self, resellers: list[tuple[int, str]], roles: list[tuple[int, str]], *, locale: str = ""
    ) -> None:
        """What can be chosen; a language that is stored and spoken no more stays one."""
        self.reseller_id.choices = to_choices(resellers)
        # nobody becomes what stands first in the list by accident
        self.role_id.choices = to_choices([("", _l("Choose …")), *roles])
        languages = dict(language_choices())
        if locale:
            languages.setdefault(locale, locale)
        self.locale.choices = to_choices(languages.items())
        self.timezone.choices = to_choices((name, name) for name in list_zone_names())

    def would_lock_out(self, ip: str) -> bool:
        """Whether these addresses leave out the one that the form comes from."""
        return not is_allowed(self.allowed_networks.networks, ip)

    def to_details(self) -> UserDetails:
        return UserDetails(
            name=self.name.data or "",
            email=self.email.data or "",
            role_id=self.role_id.data or 0,
            status=self.status.data,
            locale=self.locale.data,
            timezone=self.timezone.data,
            allowed_networks=self.allowed_networks.networks,
        )
