"""The form of one's own details; what the provider keeps to itself is left out of it."""

from collections.abc import Collection, Mapping

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, PasswordField, StringField, TextAreaField
from wtforms.validators import Length
from wtforms.widgets import EmailInput

from portal.card_numbers import no_card_number
from portal.fields import latin_email
from portal.tenant_form import without_nul
from tenants.client_blocks import TEXT_LENGTH
from tenants.client_profile import COMPANY, CONTACTS, TAX_IDS


def _line(label: str) -> StringField:
    return StringField(
        label,
        [Length(max=TEXT_LENGTH, message=_l("This is too long.")), no_card_number],
        filters=[without_nul],
    )


def _email(label: str) -> StringField:
    return StringField(
        label, [no_card_number, latin_email], filters=[without_nul], widget=EmailInput()
    )


class ProfileForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    """Call `keep_only` before anything else."""

    company_name = _line(_l("Company name"))
    address = TextAreaField(
        _l("Address"),
        [Length(max=TEXT_LENGTH, message=_l("This is too long.")), no_card_number],
        filters=[without_nul],
    )
    zip_code = _line(_l("Zip code"))
    tax_id = _line(_l("Tax ID"))
    reg_id = _line(_l("Registration ID"))
    main_email = _email(_l("Main e-mail"))
    billing_email = _email(_l("E-mail for invoices"))
    rates_email = _email(_l("E-mail for rates"))
    noc_email = _email(_l("E-mail for technical notices"))
    current = PasswordField(_l("Present password"), [no_card_number])
    stamp = HiddenField()

    def keep_only(self, names: Collection[str]) -> None:
        """Leave out what the client may not change."""
        for name in (*COMPANY, *TAX_IDS, *CONTACTS):
            if name not in names:
                delattr(self, name)
        if not set(CONTACTS) & set(names):
            delattr(self, "current")

    def values(self) -> dict[str, str]:
        """What is wished for, of the fields that are here."""
        return {
            name: self[name].data or "" for name in (*COMPANY, *TAX_IDS, *CONTACTS) if name in self
        }

    def differing(self, stored: Mapping[str, object]) -> list[tuple[str, str]]:
        """Label and stored value of each field that holds another one."""
        found: list[tuple[Field, str]] = [
            (self[name], str(stored[name])) for name in self.values() if name in stored
        ]
        return [(str(one.label.text), now) for one, now in found if (one.data or "") != now]
