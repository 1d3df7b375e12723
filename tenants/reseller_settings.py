"""Settings of a reseller, section by section: each is read, checked and saved by itself.

A section carries the stamp of what was shown: whoever saves over another person's change is told.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import TypeVar

from babel import Locale, UnknownLocaleError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from core.addresses import checked_email
from core.currencies import get_currency
from core.db import Session
from core.errors import InvalidInputError, NotFoundError
from core.zones import get_zone
from tenants import audit
from tenants.colours import checked_colour
from tenants.models import Reseller
from tenants.stamps import check_stamp, make_stamp

NAME_LENGTH = 200
TEXT_LENGTH = 1000
SENDER_NAME_LENGTH = 100
HOST_LENGTH = 253
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+")


@dataclass(frozen=True, slots=True)
class Profile:
    """Who the company is: what stands on its invoices."""

    name: str
    company_name: str = ""
    email: str = ""
    address: str = ""
    zip_code: str = ""
    tax_id: str = ""
    reg_id: str = ""
    account_details: str = ""


@dataclass(frozen=True, slots=True)
class Region:
    """What new clients begin with, and the language of those without one of their own."""

    currency: str
    timezone: str
    locale: str


@dataclass(frozen=True, slots=True)
class Look:
    """How clients see the portal; `portal_host` is a host name of its own, or None."""

    brand_color: str
    portal_host: str | None


@dataclass(frozen=True, slots=True)
class Sender:
    """Who mails come from; empty: the company's name, the platform's address."""

    mail_from_name: str
    mail_from: str


Section = TypeVar("Section", Profile, Region, Look, Sender)


def read_section(reseller: Reseller, kind: type[Section]) -> Section:
    """The section as it is stored."""
    return kind(**{one.name: getattr(reseller, one.name) for one in fields(kind)})


def stamp_of(section: Profile | Region | Look | Sender) -> str:
    """Tells what was shown; another one when anybody has changed the section since."""
    return make_stamp(asdict(section))


def update_profile(session: Session, reseller_id: int, wish: Profile, *, stamp: str) -> None:
    """Raises InvalidInputError naming the field, ConflictError, NotFoundError."""
    checked = {name: _text(value, name) for name, value in asdict(wish).items()}
    checked["name"] = " ".join(checked["name"].split())
    if not checked["name"]:
        raise InvalidInputError("Enter a name.", "name")
    if len(checked["name"]) > NAME_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "name", count=NAME_LENGTH)
    checked["email"] = checked_email(checked["email"], "email")
    _save(session, reseller_id, Profile(**checked), stamp)


def update_region(
    session: Session,
    reseller_id: int,
    wish: Region,
    *,
    stamp: str,
    has_entries: Callable[[Session, int], bool],
) -> None:
    """The currency stays once `has_entries` says that something is booked.

    Raises InvalidInputError naming the field, ConflictError, NotFoundError.
    """
    try:
        currency = get_currency(wish.currency).code
    except InvalidInputError as error:
        raise InvalidInputError(error.text, "currency", **error.values) from error
    reseller = _lock(session, reseller_id)
    if currency != reseller.currency and has_entries(session, reseller_id):
        raise InvalidInputError(
            "The currency stays as it is: there are entries in it already.", "currency"
        )
    checked = Region(currency, get_zone(wish.timezone).key, _locale(wish.locale))
    _save(session, reseller_id, checked, stamp)


def update_look(
    session: Session, reseller_id: int, wish: Look, *, stamp: str, platform_host: str
) -> None:
    """Raises InvalidInputError naming the field, ConflictError, NotFoundError."""
    host = checked_host(wish.portal_host or "", platform_host)
    checked = Look(checked_colour(wish.brand_color, "brand_color"), host)
    try:
        with session.begin_nested():
            _save(session, reseller_id, checked, stamp)
    except IntegrityError as error:
        raise InvalidInputError("Another portal uses this host name.", "portal_host") from error


def update_sender(session: Session, reseller_id: int, wish: Sender, *, stamp: str) -> None:
    """Raises InvalidInputError naming the field, ConflictError, NotFoundError."""
    name = " ".join(wish.mail_from_name.split())
    if len(name) > SENDER_NAME_LENGTH:
        raise InvalidInputError(
            "Use at most %(count)s characters.", "mail_from_name", count=SENDER_NAME_LENGTH
        )
    if not name.isprintable():
        raise InvalidInputError("Use letters, digits and signs only.", "mail_from_name")
    _save(session, reseller_id, Sender(name, checked_email(wish.mail_from, "mail_from")), stamp)


def checked_host(text: str, platform_host: str) -> str | None:
    """A host name in small letters without port, or None; raises InvalidInputError."""
    host = text.strip().lower().rstrip(".")
    if not host:
        return None
    if not host.isascii():
        raise InvalidInputError(
            "Write the host name in Latin characters (punycode).", "portal_host"
        )
    if len(host) > HOST_LENGTH or not _HOST.fullmatch(host) or _is_address(host):
        raise InvalidInputError(
            "Enter a host name such as billing.example.com, without https:// and port.",
            "portal_host",
        )
    if host == platform_host.lower() or host.endswith(".localhost"):
        raise InvalidInputError("This host name belongs to the platform.", "portal_host")
    return host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.rpartition(".")[2].isdecimal()
    return True


def _lock(session: Session, reseller_id: int) -> Reseller:
    reseller = session.scalar(
        select(Reseller)
        .where(Reseller.id == reseller_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if reseller is None:
        raise NotFoundError("Reseller not found.")
    return reseller


def _save(
    session: Session, reseller_id: int, section: Profile | Region | Look | Sender, stamp: str
) -> None:
    reseller = _lock(session, reseller_id)
    kind = type(section)
    before = kind(**{one.name: getattr(reseller, one.name) for one in fields(kind)})
    changes = audit.differences(asdict(before), asdict(section))
    if not changes:
        # also a second click: what was wished for is so
        return
    check_stamp(stamp, asdict(before))
    for name, (_before, after) in changes.items():
        setattr(reseller, name, after)
    reseller.version += 1
    session.flush()
    audit.record(
        session,
        reseller_id=reseller.id,
        action="update",
        object_type="reseller",
        object_id=reseller.id,
        object_label=reseller.name,
        changes=changes,
    )


def _text(value: str, field: str) -> str:
    text = value.replace("\x00", "").strip()
    if len(text) > TEXT_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", field, count=TEXT_LENGTH)
    return text


def _locale(text: str) -> str:
    try:
        return str(Locale.parse(text.strip().replace("-", "_")))
    except (ValueError, UnknownLocaleError, TypeError) as error:
        raise InvalidInputError("Choose a language.", "locale") from error
