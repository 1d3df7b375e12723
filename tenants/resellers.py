"""Resellers: the tenants, in a tree.

Only the platform role makes, suspends and reactivates them; `actor` is the platform's person, for
its screens set no tenant scope.
"""

import re
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import load_only

from core.addresses import checked_email
from core.currencies import get_currency
from core.db import Session
from core.errors import InvalidInputError, NotFoundError
from core.tenancy import Actor
from core.zones import get_zone
from tenants import audit, signin_sessions, staff
from tenants.models import Reseller, User
from tenants.permissions import STANDARD_ROLES

NAME_LENGTH = 200
REASON_LENGTH = 500
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class Company:
    """The company fields of a reseller."""

    company_name: str = ""
    address: str = ""
    zip_code: str = ""
    tax_id: str = ""
    reg_id: str = ""
    account_details: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class ResellerWish:
    """What the form of a new reseller says, with its first user."""

    name: str
    code: str
    currency_code: str
    timezone: str
    user_name: str
    user_email: str
    parent_id: int | None = None
    company: Company = Company()


def provision_reseller(
    session: Session, *, request_id: UUID, wish: ResellerWish, actor: Actor
) -> tuple[Reseller, User]:
    """A tenant with the standard roles and its first user, an Owner without a password.

    The caller adds what higher packages own: the payment account General and the invitation.
    Raises InvalidInputError naming the field of the form.
    """
    company = asdict(_checked_company(wish.company))
    parent = None if wish.parent_id is None else _parent(session, wish.parent_id)
    reseller = create_reseller(
        session,
        name=_checked_name(wish.name),
        code=_free_code(session, wish.code),
        currency_code=wish.currency_code,
        timezone=wish.timezone,
        parent=parent,
        **company,
    )
    reseller.request_id = request_id
    facts = {
        "name": reseller.name,
        "code": reseller.code,
        "currency": reseller.currency,
        "timezone": reseller.timezone,
        "parent": None if parent is None else parent.name,
        **{name: value for name, value in company.items() if value},
    }
    _record(session, reseller, "create", actor, audit.differences({}, facts))
    roles = [
        staff.create_role(
            session, reseller_id=reseller.id, name=name, permissions=allowed, actor=actor
        )
        for name, allowed in STANDARD_ROLES
    ]
    try:
        user = staff.create_user(
            session,
            reseller_id=reseller.id,
            role_id=roles[0].id,
            email=wish.user_email,
            name=wish.user_name,
            timezone=reseller.timezone,
            actor=actor,
        )
    except InvalidInputError as error:
        # the company has a name and an address too
        raise InvalidInputError(error.message, f"user_{error.field}") from error
    return reseller, user


def find_by_request(session: Session, request_id: UUID) -> Reseller | None:
    """The reseller that this drawn form made before, if it was sent already."""
    return session.scalar(select(Reseller).where(Reseller.request_id == request_id))


def suspend(session: Session, reseller_id: int, *, reason: str, actor: Actor) -> bool:
    """Shut out the staff and clients of a reseller and of those beneath it; ends their sessions.

    False when it was suspended already. Raises InvalidInputError for a missing reason.
    """
    if not _change_status(session, reseller_id, "suspended", "suspend", reason, actor):
        return False
    signin_sessions.end_sessions_of(
        session, list_family(session, reseller_id), "reseller_suspended"
    )
    return True


def reactivate(session: Session, reseller_id: int, *, reason: str, actor: Actor) -> bool:
    """Let its people sign in again; False when it was active already.

    Raises InvalidInputError for a missing reason.
    """
    return _change_status(session, reseller_id, "active", "reactivate", reason, actor)


def create_reseller(
    session: Session,
    *,
    name: str,
    code: str,
    currency_code: str,
    timezone: str,
    parent: Reseller | None = None,
    **details: str,
) -> Reseller:
    """Make a tenant (platform role only). `details`: company fields of `Reseller`.

    Raises InvalidInputError for an unknown currency or time zone.
    """
    try:
        currency = get_currency(currency_code).code
    except InvalidInputError as error:
        raise InvalidInputError(error.message, "currency") from error
    reseller = Reseller(
        name=name,
        code=code,
        currency=currency,
        timezone=get_zone(timezone).key,
        parent_id=None if parent is None else parent.id,
        path=[],
        **details,
    )
    session.add(reseller)
    session.flush()
    reseller.path = [*(parent.path if parent is not None else []), reseller.id]
    session.flush()
    return reseller


def get_reseller(session: Session, reseller_id: int) -> Reseller:
    """Raises NotFoundError, also for a reseller outside the scope."""
    reseller = session.get(Reseller, reseller_id)
    if reseller is None:
        raise NotFoundError("Reseller not found.")
    return reseller


def is_active(session: Session, reseller_id: int) -> bool:
    """False for a suspended reseller; one suspended above it is outside a tenant's scope.

    What holds for those above too is asked of all tenants: `signed_in.is_trading`.
    """
    return get_reseller(session, reseller_id).status == "active"


def list_family(session: Session, reseller_id: int) -> tuple[int, ...]:
    """The reseller and its descendants, itself first: the scope of its staff."""
    ids = session.scalars(
        select(Reseller.id).where(Reseller.path.contains([reseller_id])).order_by(Reseller.id)
    ).all()
    if reseller_id not in ids:
        raise NotFoundError("Reseller not found.")
    return (reseller_id, *(one for one in ids if one != reseller_id))


def list_resellers(session: Session) -> list[Reseller]:
    """Those of the scope, by name; for choosing one on a form."""
    return list(
        session.scalars(
            select(Reseller)
            .options(load_only(Reseller.name, Reseller.currency, Reseller.timezone))
            .order_by(Reseller.name, Reseller.id)
        )
    )


def check_choice(session: Session, reseller_id: int) -> Reseller:
    """The reseller chosen on a form; raises InvalidInputError when it is not in the scope."""
    reseller = session.get(Reseller, reseller_id)
    if reseller is None:
        raise InvalidInputError("Choose one of your resellers.", "reseller_id")
    return reseller


def _change_status(
    session: Session, reseller_id: int, status: str, action: str, reason: str, actor: Actor
) -> bool:
    why = " ".join(reason.split())
    if not why:
        raise InvalidInputError("Enter the reason.", "reason")
    if len(why) > REASON_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "reason", count=REASON_LENGTH)
    reseller = session.scalar(select(Reseller).where(Reseller.id == reseller_id).with_for_update())
    if reseller is None:
        raise NotFoundError("Reseller not found.")
    if reseller.status == status:
        return False
    before = reseller.status
    reseller.status = status
    reseller.version += 1
    session.flush()
    _record(session, reseller, action, actor, {"status": (before, status), "reason": (None, why)})
    return True


def _record(
    session: Session,
    reseller: Reseller,
    action: str,
    actor: Actor,
    changes: dict[str, tuple[object, object]],
) -> None:
    audit.record(
        session,
        reseller_id=reseller.id,
        action=action,
        object_type="reseller",
        object_id=reseller.id,
        object_label=reseller.name,
        changes=changes,
        actor=actor,
    )


def _checked_name(text: str) -> str:
    name = " ".join(text.split())
    if not name:
        raise InvalidInputError("Enter a name.", "name")
    if len(name) > NAME_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "name", count=NAME_LENGTH)
    return name


def _free_code(session: Session, text: str) -> str:
    code = text.strip().lower()
    if not _CODE.fullmatch(code):
        raise InvalidInputError(
            "Use small letters, digits and hyphens, at most 40, beginning with a letter or digit.",
            "code",
        )
    if session.scalar(select(Reseller.id).where(Reseller.code == code)) is not None:
        raise InvalidInputError("Another reseller has this code.", "code")
    return code


def _parent(session: Session, parent_id: int) -> Reseller:
    parent = session.get(Reseller, parent_id)
    if parent is None or parent.status != "active":
        raise InvalidInputError("Choose an active reseller.", "parent_id")
    return parent


def _checked_company(company: Company) -> Company:
    for name, value in asdict(company).items():
        if len(value) > 1000:
            raise InvalidInputError("Use at most 1000 characters.", name)
    return Company(**{**asdict(company), "email": checked_email(company.email, "email")})
