"""Tax profiles: named sets of taxes, one of them the reseller's default."""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import delete, func, insert, select, update

from billing.client_models import ClientTemplateBilling
from billing.models import ClientBilling, Tax, TaxProfile
from billing.taxes import TaxRate
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from tenants import audit
from tenants.models import Client

PERCENT_PLACES = Decimal("0.000001")
NAME_LENGTH = 100

TaxRow = tuple[str, Decimal, int]


def create_profile(
    session: Session,
    *,
    reseller_id: int,
    name: str,
    taxes: Sequence[TaxRow],
    is_default: bool = False,
) -> TaxProfile:
    """Make a profile of (name, percent, priority) rows.

    `is_default` takes the place of the reseller's default before it. Raises InvalidInputError.
    """
    profile = TaxProfile(reseller_id=reseller_id)
    profile.name = _checked_name(session, profile, name)
    rows = _checked_taxes(taxes)
    if is_default:
        _clear_default(session, reseller_id)
    profile.is_default = is_default
    session.add(profile)
    session.flush()
    _write_taxes(session, profile, rows)
    _record(session, profile, "create", {"name": (None, profile.name), "taxes": (None, rows)})
    return profile


def update_profile(
    session: Session,
    profile_id: int,
    *,
    name: str,
    taxes: Sequence[TaxRow],
    is_default: bool = False,
) -> TaxProfile:
    """Change a profile. What is posted keeps the taxes of its day.

    Raises NotFoundError, InvalidInputError.
    """
    profile = get_profile(session, profile_id)
    before = {
        "name": profile.name,
        "taxes": _tax_rows(session, profile.id),
        "is_default": profile.is_default,
    }
    rows = _checked_taxes(taxes)
    profile.name = _checked_name(session, profile, name)
    if is_default and not profile.is_default:
        _clear_default(session, profile.reseller_id)
    profile.is_default = is_default
    session.flush()
    session.execute(delete(Tax).where(Tax.tax_profile_id == profile.id))
    _write_taxes(session, profile, rows)
    after = {"name": profile.name, "taxes": rows, "is_default": is_default}
    changes = audit.differences(before, after)
    if changes:
        _record(session, profile, "update", changes)
    return profile


def delete_profile(session: Session, profile_id: int) -> None:
    """Raises NotFoundError; ConflictError when a client or a template has it."""
    profile = get_profile(session, profile_id)
    used = session.scalar(
        select(ClientBilling.client_id)
        .where(
            ClientBilling.reseller_id == profile.reseller_id,
            ClientBilling.tax_profile_id == profile_id,
        )
        .limit(1)
    )
    if used is not None:
        raise ConflictError("This tax profile is in use and cannot be deleted.")
    in_template = session.scalar(
        select(ClientTemplateBilling.template_id)
        .where(ClientTemplateBilling.tax_profile_id == profile_id)
        .limit(1)
    )
    if in_template is not None:
        raise ConflictError("A client template uses it: change the template first.")
    session.execute(delete(Tax).where(Tax.tax_profile_id == profile.id))
    _record(session, profile, "delete", {})
    session.delete(profile)
    session.flush()


def get_profile(session: Session, profile_id: int) -> TaxProfile:
    """Raises NotFoundError, also for a profile of another tenant."""
    profile = session.scalar(select(TaxProfile).where(TaxProfile.id == profile_id))
    if profile is None:
        raise NotFoundError("Tax profile not found.")
    return profile


def list_profiles(session: Session, reseller_id: int) -> list[TaxProfile]:
    """Those of one reseller, by name."""
    return list(
        session.scalars(
            select(TaxProfile)
            .where(TaxProfile.reseller_id == reseller_id)
            .order_by(TaxProfile.name)
        )
    )


def list_taxes(session: Session, profile_id: int) -> list[TaxRate]:
    """The taxes of a profile in the order they apply."""
    return [TaxRate(*row) for row in _tax_rows(session, profile_id)]


def get_client_taxes(session: Session, client: Client) -> list[TaxRate]:
    """What the client's charges carry: its profile, else its reseller's default, else nothing."""
    default = (
        select(TaxProfile.id)
        .where(TaxProfile.reseller_id == client.reseller_id, TaxProfile.is_default)
        .scalar_subquery()
    )
    chosen = (
        select(ClientBilling.tax_profile_id)
        .where(ClientBilling.client_id == client.id)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Tax.name, Tax.percent, Tax.priority)
        .where(
            Tax.reseller_id == client.reseller_id,
            Tax.tax_profile_id == func.coalesce(chosen, default),
        )
        .order_by(Tax.priority, Tax.name)
    )
    return [TaxRate(row.name, row.percent, row.priority) for row in rows]


def _tax_rows(session: Session, profile_id: int) -> list[TaxRow]:
    rows = session.execute(
        select(Tax.name, Tax.percent, Tax.priority)
        .where(Tax.tax_profile_id == profile_id)
        .order_by(Tax.priority, Tax.name)
    )
    return [(row.name, row.percent, row.priority) for row in rows]


def _write_taxes(session: Session, profile: TaxProfile, rows: Sequence[TaxRow]) -> None:
    session.execute(
        insert(Tax),
        [
            {
                "reseller_id": profile.reseller_id,
                "tax_profile_id": profile.id,
                "name": name,
                "percent": percent,
                "priority": priority,
            }
            for name, percent, priority in rows
        ],
    )


def _clear_default(session: Session, reseller_id: int) -> None:
    session.execute(
        update(TaxProfile)
        .where(TaxProfile.reseller_id == reseller_id, TaxProfile.is_default)
        .values(is_default=False)
    )


def _checked_name(session: Session, profile: TaxProfile, name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise InvalidInputError("Enter a name.", "name")
    if len(name) > NAME_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "name", count=NAME_LENGTH)
    with session.no_autoflush:
        taken = session.scalar(
            select(TaxProfile.id).where(
                TaxProfile.reseller_id == profile.reseller_id,
                func.lower(TaxProfile.name) == name.lower(),
            )
        )
    if taken is not None and taken != profile.id:
        raise InvalidInputError("Another tax profile has this name.", "name")
    return name


def _checked_taxes(taxes: Sequence[TaxRow]) -> list[TaxRow]:
    rows = [(" ".join(name.split()), percent, priority) for name, percent, priority in taxes]
    if not rows:
        raise InvalidInputError("Enter at least one tax.", "taxes")
    if any(not name for name, _, _ in rows):
        raise InvalidInputError("Every tax needs a name.", "taxes")
    if len({name for name, _, _ in rows}) != len(rows):
        raise InvalidInputError("Each tax stands once in a profile.", "taxes")
    for _, percent, priority in rows:
        if not 0 <= percent <= 100 or percent != percent.quantize(PERCENT_PLACES):
            raise InvalidInputError(
                "A tax is from 0 to 100 percent with at most 6 decimals.", "taxes"
            )
        if not 1 <= priority <= 100:
            raise InvalidInputError("A priority is from 1 to 100.", "taxes")
    return sorted(rows, key=lambda row: (row[2], row[0]))


def _record(
    session: Session,
    profile: TaxProfile,
    action: str,
    changes: dict[str, tuple[object, object]],
) -> None:
    audit.record(
        session,
        reseller_id=profile.reseller_id,
        action=action,
        object_type="tax_profile",
        object_id=profile.id,
        object_label=profile.name,
        changes=changes,
    )
