"""The forms of sign-ups: a decision, and the rules."""

from flask_babel import lazy_gettext as _l
from wtforms import (
    Form,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired

from portal.card_numbers import no_card_number
from portal.fields import id_or_none, to_choices
from portal.tenant_form import without_nul
from tenants.sign_up_rules import Rules

MODES = (
    ("off", _l("Off: only staff make clients")),
    ("approval", _l("By approval: staff look at everybody who has signed up")),
    ("open", _l("Open: who confirms the address is a client")),
)


class ApproveForm(Form):
    """The login may be another than the one that was wished."""

    login = StringField(
        _l("Login"), [InputRequired(_l("Enter a login.")), no_card_number], filters=[without_nul]
    )


class RefuseForm(Form):
    reason = StringField(_l("Reason"), [no_card_number], filters=[without_nul])


class RulesForm(Form):
    """What strangers are allowed; `stamp` is that of what was shown."""

    stamp = HiddenField()
    mode = RadioField(_l("Sign-up"), choices=to_choices(MODES))
    template_id = SelectField(_l("Clients template"), coerce=id_or_none)
    domains = TextAreaField(_l("Allowed e-mail domains"), filters=[without_nul])
    daily_cap = IntegerField(_l("At most a day"), [InputRequired(_l("Enter a whole number."))])
    terms_url = StringField(_l("Address of your terms"), filters=[without_nul])

    def offer(self, templates: list[tuple[int, str]], default: str) -> None:
        self.template_id.choices = to_choices([("", default), *templates])

    def to_rules(self) -> Rules:
        return Rules(
            mode=self.mode.data,
            template_id=self.template_id.data,
            domains=(self.domains.data or "").replace(",", " ").split(),
            daily_cap=self.daily_cap.data or 0,
            terms_url=self.terms_url.data or "",
        )
