"""The form of a SureTax account."""

from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    Form,
    HiddenField,
    PasswordField,
    RadioField,
    SelectField,
    StringField,
)

from billing.suretax_accounts import EXTRA_CODE, PACKAGE_CODE, USAGE_CODE, AccountWish
from portal.card_numbers import no_card_number
from portal.fields import to_choices

SERVICES = {
    "test": _l("Test: nothing is reported"),
    "live": _l("Live"),
    "own": _l("An address of your own"),
}
PROVIDERS = {
    "03": _l("VoIP"),
    "02": _l("CLEC: competitive local carrier"),
    "00": _l("ILEC: incumbent local carrier"),
    "01": _l("IXC: long distance carrier"),
    "04": _l("ISP: internet provider"),
    "05": _l("Wireless"),
    "99": _l("Another kind"),
}


class SureTaxForm(Form):
    """What SureTax gave the reseller, and how its charges are named there."""

    version = HiddenField()
    enabled = BooleanField(_l("In use"), default=True)
    client_number = StringField(_l("Client number"), [no_card_number])
    validation_key = PasswordField(_l("Validation key"))
    business_unit = StringField(_l("Business unit"), [no_card_number])
    service = RadioField(_l("Service"), choices=to_choices(list(SERVICES.items())), default="test")
    own_url = StringField(_l("Own address"))
    regulatory_code = SelectField(
        _l("You are"), choices=to_choices(list(PROVIDERS.items())), default="03"
    )
    usage_code = StringField(_l("Code of usage"), [no_card_number], default=USAGE_CODE)
    package_code = StringField(_l("Code of package fees"), [no_card_number], default=PACKAGE_CODE)
    extra_code = StringField(_l("Code of extra charges"), [no_card_number], default=EXTRA_CODE)

    def to_wish(self) -> AccountWish:
        """What `billing.suretax_accounts` takes."""
        names = (
            "client_number", "validation_key", "business_unit", "service", "own_url",
            "regulatory_code", "usage_code", "package_code", "extra_code",
        )  # fmt: skip
        texts = {name: self[name].data or "" for name in names}
        return AccountWish(enabled=bool(self.enabled.data), **texts)

    @property
    def shown_version(self) -> int | None:
        """Which one was shown; None: there was none."""
        text = self.version.data or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
