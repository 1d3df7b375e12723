"""The form of a new tenant, the same for the platform and for a reseller that makes one beneath."""

from collections.abc import Callable, Sequence
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from core.currencies import list_active_currencies
from core.errors import InvalidInputError
from core.zones import list_zone_names
from portal.card_numbers import no_card_number
from portal.fields import latin_email
from tenants.resellers import NAME_LENGTH, Company, ResellerWish

_COMPANY = ("company_name", "address", "zip_code", "tax_id", "reg_id", "account_details", "email")


def without_nul(text: str | None) -> str:
    """The text as PostgreSQL takes it, which knows no zero byte."""
    return (text or "").replace("\x00", "").strip()


def text_field(label: str, *validators: Callable[..., None], length: int = 200) -> StringField:
    """A line of text that can be stored."""
    return StringField(
        label,
        [*validators, Length(max=length, message=_l("This is too long.")), no_card_number],
        filters=[without_nul],
    )


def long_text_field(label: str, length: int = 1000) -> TextAreaField:
    """Several lines of text that can be stored."""
    return TextAreaField(
        label,
        [Length(max=length, message=_l("This is too long.")), no_card_number],
        filters=[without_nul],
    )


def currency_choices() -> list[tuple[str, str]]:
    return [(one.code, f"{one.code} · {one.name}") for one in list_active_currencies()]


class ResellerForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    """A new tenant: what it is, its company, its first user."""

    request_id = HiddenField()
    name = text_field(_l("Name"), InputRequired(_l("Enter a name.")), length=NAME_LENGTH)
    code = text_field(_l("Code"), InputRequired(_l("Enter a code.")), length=40)
    currency = SelectField(_l("Currency"), [InputRequired(_l("Choose a currency."))])
    timezone = SelectField(_l("Time zone"), [InputRequired(_l("Choose a time zone."))])
    parent_id = SelectField(_l("Parent"), coerce=lambda value: int(value) if value else None)
    company_name = text_field(_l("Company name"))
    email = EmailField(_l("Company e-mail"), [latin_email], filters=[without_nul])
    tax_id = text_field(_l("Tax ID"), length=60)
    reg_id = text_field(_l("Registration ID"), length=60)
    address = long_text_field(_l("Address"))
    zip_code = text_field(_l("Zip code"), length=20)
    account_details = long_text_field(_l("Account details"))
    user_name = text_field(
        _l("First user’s name"), InputRequired(_l("Enter a name.")), length=NAME_LENGTH
    )
    user_email = EmailField(
        _l("First user’s e-mail"),
        [InputRequired(_l("Enter an e-mail address.")), latin_email],
        filters=[without_nul],
    )

    def offer(self, parents: Sequence[tuple[int, str]], *, none: str = "") -> None:
        """What can be chosen; `none` is what no parent is called, if that may be."""
        self.currency.choices = [("", _l("Choose …")), *currency_choices()]
        self.timezone.choices = [
            ("", _l("Choose …")),
            *((name, name) for name in list_zone_names()),
        ]
        self.parent_id.choices = [*([("", none)] if none else []), *parents]

    def form_id(self) -> UUID:
        """Raises InvalidInputError for a form without one: it was not drawn by us."""
        try:
            return UUID(self.request_id.data or "")
        except ValueError as error:
            raise InvalidInputError("This form is out of date. Load the page anew.") from error

    def to_wish(self) -> ResellerWish:
        return ResellerWish(
            name=self.name.data or "",
            code=self.code.data or "",
            currency_code=self.currency.data,
            timezone=self.timezone.data,
            parent_id=self.parent_id.data,
            user_name=self.user_name.data or "",
            user_email=self.user_email.data or "",
            company=Company(**{name: getattr(self, name).data for name in _COMPANY}),
        )
