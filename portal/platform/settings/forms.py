"""The form of the platform's settings."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, IntegerField, SelectField
from wtforms.validators import InputRequired, NumberRange

from core.zones import list_zone_names
from portal.fields import latin_email, to_choices
from portal.tenant_form import text_field, without_nul
from portal.tenant_locales import locale_choices
from tenants.platform_settings import (
    BANNER_LENGTH,
    IDLE_MIN,
    LONGEST_MIN,
    NAME_LENGTH,
    PHONE_LENGTH,
    Settings,
)

FIELDS = (
    "name", "support_email", "support_phone", "locale", "timezone", "banner", "banner_level",
    "staff_idle_min", "staff_longest_min",
)  # fmt: skip


def _minutes(label: str, limits: tuple[int, int]) -> IntegerField:
    low, high = limits
    return IntegerField(
        label,
        [
            InputRequired(_l("Enter a number.")),
            NumberRange(
                low, high, _l("Enter a number from %(low)s to %(high)s.", low=low, high=high)
            ),
        ],
    )


class PlatformSettingsForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    """All of the settings; `version` is the one that was shown."""

    version = HiddenField()
    name = text_field(_l("Name"), length=NAME_LENGTH)
    support_email = EmailField(_l("Support e-mail"), [latin_email], filters=[without_nul])
    support_phone = text_field(_l("Support phone"), length=PHONE_LENGTH)
    locale = SelectField(_l("Language of new resellers"))
    timezone = SelectField(_l("Time zone of new resellers"))
    banner = text_field(_l("Message to all staff"), length=BANNER_LENGTH)
    banner_level = SelectField(
        _l("Kind of message"),
        choices=to_choices(
            [("info", _l("information")), ("warn", _l("warning")), ("bad", _l("trouble"))]
        ),
    )
    staff_idle_min = _minutes(_l("Staff is signed out when idle for"), IDLE_MIN)
    staff_longest_min = _minutes(_l("Staff is signed out in any case after"), LONGEST_MIN)

    def offer(self, stored: Settings) -> None:
        """What can be chosen, and what is stored in any case."""
        self.locale.choices = locale_choices(stored.locale)
        zones = list_zone_names()
        extra = () if stored.timezone in zones else (stored.timezone,)
        self.timezone.choices = to_choices([(name, name) for name in (*zones, *extra)])

    def to_settings(self) -> Settings:
        given: dict[str, Any] = {name: self[name].data for name in FIELDS}
        texts: dict[str, Any] = {name: one or "" for name, one in given.items()}
        return Settings(**texts)

    def shown_version(self) -> int:
        text = self.version.data or ""
        return int(text) if text.isdecimal() and len(text) < 10 else -1
