"""Settings of the platform: one typed row, read at each request and changed by its staff only.

Rows of no tenant: `session` is one of the platform role.
"""

from dataclasses import asdict, dataclass, fields
from datetime import timedelta

from babel import Locale, UnknownLocaleError
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from core.addresses import checked_email
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.tenancy import Actor
from core.zones import get_zone
from tenants import audit, platform_audit
from tenants.platform_models import PlatformSettings

DEFAULT_NAME = "Billing portal"
NAME_LENGTH = 80
PHONE_LENGTH = 60
BANNER_LENGTH = 300
BANNER_LEVELS = ("info", "warn", "bad")
IDLE_MIN = (5, 480)
LONGEST_MIN = (60, 1440)


@dataclass(frozen=True, slots=True)
class Settings:
    """What an administrator sets; `staff_idle_min` and `staff_longest_min` are minutes."""

    name: str = ""
    support_email: str = ""
    support_phone: str = ""
    locale: str = "en"
    timezone: str = "UTC"
    banner: str = ""
    banner_level: str = "info"
    staff_idle_min: int = 30
    staff_longest_min: int = 720

    @property
    def shown_name(self) -> str:
        return self.name or DEFAULT_NAME

    @property
    def staff_idle(self) -> timedelta:
        return timedelta(minutes=self.staff_idle_min)

    @property
    def staff_longest(self) -> timedelta:
        return timedelta(minutes=self.staff_longest_min)


@dataclass(frozen=True, slots=True)
class Stored:
    """The settings, and which version of them this is."""

    settings: Settings
    version: int


def read_settings(session: Session) -> Stored:
    """What is stored; the defaults where nobody has changed any."""
    row = session.get(PlatformSettings, 1)
    if row is None:
        return Stored(Settings(), 0)
    return Stored(_settings(row), row.version)


def update_settings(session: Session, wish: Settings, *, version: int, actor: Actor) -> None:
    """Raises InvalidInputError naming the field, ConflictError when somebody was faster."""
    checked = _checked(wish)
    session.execute(insert(PlatformSettings).values(id=1, version=0).on_conflict_do_nothing())
    row = session.scalars(
        select(PlatformSettings)
        .where(PlatformSettings.id == 1)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    changes = audit.differences(asdict(_settings(row)), asdict(checked))
    if not changes:
        return
    if row.version != version:
        raise ConflictError(
            "%(who)s has changed the settings since you opened them.", who=row.updated_by
        )
    for name, (_before, after) in changes.items():
        setattr(row, name, after)
    row.version += 1
    row.updated_at = now()
    row.updated_by = actor.label
    session.flush()
    platform_audit.record(
        session,
        action="update",
        object_type="platform_settings",
        object_id=1,
        actor=actor,
        changes=changes,
    )


def _settings(row: PlatformSettings) -> Settings:
    return Settings(**{one.name: getattr(row, one.name) for one in fields(Settings)})


def _checked(wish: Settings) -> Settings:
    _check_range(wish.staff_idle_min, IDLE_MIN, "staff_idle_min")
    _check_range(wish.staff_longest_min, LONGEST_MIN, "staff_longest_min")
    if wish.staff_idle_min > wish.staff_longest_min:
        raise InvalidInputError("This is longer than a session may last.", "staff_idle_min")
    if wish.banner_level not in BANNER_LEVELS:
        raise InvalidInputError("Choose one of them.", "banner_level")
    return Settings(
        name=_line(wish.name, NAME_LENGTH, "name"),
        support_email=checked_email(wish.support_email, "support_email"),
        support_phone=_line(wish.support_phone, PHONE_LENGTH, "support_phone"),
        locale=_locale(wish.locale),
        timezone=get_zone(wish.timezone).key,
        banner=_line(wish.banner, BANNER_LENGTH, "banner"),
        banner_level=wish.banner_level,
        staff_idle_min=wish.staff_idle_min,
        staff_longest_min=wish.staff_longest_min,
    )


def _line(text: str, length: int, field: str) -> str:
    line = " ".join(text.split())
    if len(line) > length:
        raise InvalidInputError("Use at most %(count)s characters.", field, count=length)
    if not line.isprintable():
        raise InvalidInputError("Use letters, digits and signs only.", field)
    return line


def _check_range(number: int, limits: tuple[int, int], field: str) -> None:
    low, high = limits
    if not low <= number <= high:
        raise InvalidInputError(
            "Enter a number from %(low)s to %(high)s.", field, low=low, high=high
        )


def _locale(text: str) -> str:
    try:
        return str(Locale.parse(text.strip().replace("-", "_")))
    except (ValueError, UnknownLocaleError, TypeError) as error:
        raise InvalidInputError("Choose a language.", "locale") from error
