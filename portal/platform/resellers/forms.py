"""Forms of the Resellers screen."""

from collections.abc import Callable, Sequence

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from core.currencies import list_active_currencies
from core.zones import list_zone_names
from portal.fields import latin_email
from tenants.resellers import NAME_LENGTH, REASON_LENGTH, Company, ResellerWish

_COMPANY = ("company_name", "address", "zip_code", "tax_id", "reg_id", "account_details", "email")


def _without_nul(text: str | None) -> str:
    # PostgreSQL takes no zero byte
    return (text or "").replace("\x00", "").strip()


def _text(label: str, *validators: Callable[..., None], length: int = 200) -> StringField:
    return StringField(
        label,
        [*validators, Length(max=length, message=_l("This is too long."))],
        filters=[_without_nul],
    )


class ResellerForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    """A new tenant: what it is, its company, its first user."""

    request_id = HiddenField()
    name = _text(_l("Name"), InputRequired(_l("Enter a name.")), length=NAME_LENGTH)
    code = _text(_l("Code"), InputRequired(_l("Enter a code.")), length=40)
    currency = SelectField(_l("Currency"), [InputRequired(_l("Choose a currency."))])
    timezone = SelectField(_l("Time zone"), [InputRequired(_l("Choose a time zone."))])
    parent_id = SelectField(_l("Parent"), coerce=lambda value: int(value) if value else None)
    company_name = _text(_l("Company name"))
    email = EmailField(_l("Company e-mail"), [latin_email], filters=[_without_nul])
    tax_id = _text(_l("Tax ID"), length=60)
    reg_id = _text(_l("Registration ID"), length=60)
    address = TextAreaField(_l("Address"), [Length(max=1000)], filters=[_without_nul])
    zip_code = _text(_l("Zip code"), length=20)
    account_details = TextAreaField(
        _l("Account details"), [Length(max=1000)], filters=[_without_nul]
    )
    user_name = _text(
        _l("First user’s name"), InputRequired(_l("Enter a name.")), length=NAME_LENGTH
    )
    user_email = EmailField(
        _l("First user’s e-mail"),
        [InputRequired(_l("Enter an e-mail address.")), latin_email],
        filters=[_without_nul],
    )

    def offer(self, parents: Sequence[tuple[int, str]]) -> None:
        """What can be chosen."""
        self.currency.choices = [
            ("", _l("Choose …")),
            *((one.code, f"{one.code} · {one.name}") for one in list_active_currencies()),
        ]
        self.timezone.choices = [
            ("", _l("Choose …")),
            *((name, name) for name in list_zone_names()),
        ]
        self.parent_id.choices = [("", _l("None: it stands by itself")), *parents]

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


class ReasonForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    """Why a reseller is suspended or reactivated; the audit log keeps it."""

    reason = TextAreaField(
        _l("Reason"),
        [InputRequired(_l("Enter the reason.")), Length(max=REASON_LENGTH)],
        filters=[_without_nul],
    )
