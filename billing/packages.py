"""Packages: what clients can be subscribed to, and who may still change what of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from sqlalchemy import exists, func, select

from billing.package_models import (
    ALIGNMENTS,
    PACKAGE_STATUSES,
    PERIOD_UNITS,
    TAX_MODES,
    USAGE_UNITS,
    Package,
    PackageUnits,
    Subscription,
)
from billing.subscription_periods import MAX_COUNT
from core.currencies import get_currency
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.money import LEDGER_PLACES, round_amount
from tenants import audit

NAME_LENGTH = 100
FEE_LIMIT = Decimal(10) ** 9
UNITS_LIMIT = Decimal(10) ** 12
MOST_UNITS = 50
MOST_RENEWALS = 1200
# what subscriptions were computed with: it stays while anybody has, or had, the package
_FIXED_IN_USE = ("currency", "period_unit", "period_count", "alignment")


@dataclass(frozen=True, slots=True, order=True)
class Units:
    """Included units of a period; `destination` empty: any. Seconds, or units of their own."""

    destination: str
    unit: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything that the form of a package holds; fees in `currency` for a quantity of one.

    `renewals` None: until stopped.
    """

    name: str
    currency: str
    activation_fee: Decimal = Decimal(0)
    periodic_fee: Decimal = Decimal(0)
    period_unit: str = "month"
    period_count: int = 1
    alignment: str = "start"
    prorate_start: bool = True
    prorate_stop: bool = False
    renewals: int | None = None
    tax_mode: str = "excluding"
    priority: int = 10
    status: str = "active"
    units: tuple[Units, ...] = ()


class StalePackageError(ConflictError):
    """Somebody saved the package since the form was drawn."""

    code = "stale"

    def __init__(self) -> None:
        super().__init__("Somebody has changed this package meanwhile. Look at it again.")


def create_package(session: Session, *, reseller_id: int, terms: Terms) -> Package:
    """Make a package of the reseller. Raises InvalidInputError naming the field."""
    package = Package(reseller_id=reseller_id)
    wish = _checked(session, package, terms)
    _write(session, package, wish)
    _record(session, package, "create", audit.differences({}, _plain(wish)))
    return package


def update_package(session: Session, package_id: int, *, version: int, terms: Terms) -> Package:
    """Change a package; fees and units hold from each subscription's next period on.

    Raises NotFoundError, StalePackageError, InvalidInputError naming the field, also for what
    cannot change any more because somebody is, or was, subscribed.
    """
    package = session.scalar(
        select(Package)
        .where(Package.id == package_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if package is None:
        raise NotFoundError("Package not found.")
    before = get_terms(session, package)
    if package.version != version:
        if before == _checked(session, package, terms):
            return package  # the same form sent twice
        raise StalePackageError
    wish = _checked(session, package, terms)
    if is_used(session, package):
        for field in _FIXED_IN_USE:
            if getattr(wish, field) != getattr(before, field):
                raise InvalidInputError(
                    "Clients are subscribed: this can no longer change. Make another package.",
                    field,
                )
    changes = audit.differences(_plain(before), _plain(wish))
    if changes:
        package.version += 1
        _write(session, package, wish)
        _record(session, package, "update", changes)
    return package


def delete_package(session: Session, package_id: int) -> None:
    """Only one that nobody ever had; others are archived. Raises NotFoundError, ConflictError."""
    package = get_package(session, package_id)
    if is_used(session, package):
        raise ConflictError("Clients are or were subscribed to this package. Archive it instead.")
    _record(session, package, "delete", audit.differences(_plain(get_terms(session, package)), {}))
    session.delete(package)
    session.flush()


def get_package(session: Session, package_id: int) -> Package:
    """Raises NotFoundError, also for one of another tenant."""
    package = session.scalar(select(Package).where(Package.id == package_id))
    if package is None:
        raise NotFoundError("Package not found.")
    return package


def list_offered(session: Session, reseller_id: int, currency: str) -> list[Package]:
    """The active packages that a client of this reseller and currency can be subscribed to."""
    return list(
        session.scalars(
            select(Package)
            .where(
                Package.reseller_id == reseller_id,
                Package.currency == currency,
                Package.status == "active",
            )
            .order_by(func.lower(Package.name))
        )
    )


def get_terms(session: Session, package: Package) -> Terms:
    """The package as its form shows it."""
    names = [name for name in Terms.__dataclass_fields__ if name != "units"]
    return Terms(
        **{name: getattr(package, name) for name in names},
        units=tuple(list_units(session, package)),
    )


def list_units(session: Session, package: Package) -> list[Units]:
    """The included units of one period, for a quantity of one."""
    rows = session.execute(
        select(PackageUnits.destination, PackageUnits.unit, PackageUnits.quantity).where(
            PackageUnits.reseller_id == package.reseller_id, PackageUnits.package_id == package.id
        )
    )
    return sorted(Units(*row) for row in rows)


def is_used(session: Session, package: Package) -> bool:
    """Whether anybody is or was subscribed."""
    return bool(
        session.scalar(
            select(
                exists().where(
                    Subscription.reseller_id == package.reseller_id,
                    Subscription.package_id == package.id,
                )
            )
        )
    )


def _write(session: Session, package: Package, terms: Terms) -> None:
    for name in Terms.__dataclass_fields__:
        if name != "units":
            setattr(package, name, getattr(terms, name))
    session.add(package)
    session.flush()
    for old in session.scalars(select(PackageUnits).where(PackageUnits.package_id == package.id)):
        session.delete(old)
    session.flush()
    session.add_all(
        PackageUnits(reseller_id=package.reseller_id, package_id=package.id, **asdict(one))
        for one in terms.units
    )
    session.flush()


def _checked(session: Session, package: Package, terms: Terms) -> Terms:
    values = {name: getattr(terms, name) for name in Terms.__dataclass_fields__}
    values["name"] = _checked_name(session, package, terms.name)
    get_currency(terms.currency)
    for field in ("activation_fee", "periodic_fee"):
        values[field] = _checked_fee(getattr(terms, field), field)
    for field, known in (
        ("period_unit", PERIOD_UNITS),
        ("alignment", ALIGNMENTS),
        ("tax_mode", TAX_MODES),
        ("status", PACKAGE_STATUSES),
    ):
        if getattr(terms, field) not in known:
            raise InvalidInputError("Choose one from the list.", field)
    for field, least, most in (
        ("period_count", 1, MAX_COUNT),
        ("priority", 1, 100),
        ("renewals", 0, MOST_RENEWALS),
    ):
        number = getattr(terms, field)
        if number is not None and not least <= number <= most:
            raise InvalidInputError(
                "Enter a number from %(least)s to %(most)s.", field, least=least, most=most
            )
    values["units"] = _checked_units(terms.units)
    return Terms(**values)


def _checked_name(session: Session, package: Package, name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise InvalidInputError("Enter a name.", "name")
    if len(name) > NAME_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "name", count=NAME_LENGTH)
    with session.no_autoflush:
        taken = session.scalar(
            select(Package.id).where(
                Package.reseller_id == package.reseller_id,
                func.lower(Package.name) == func.lower(name),
            )
        )
    if taken is not None and taken != package.id:
        raise InvalidInputError("Another package has this name.", "name")
    return name


def _checked_fee(fee: Decimal, field: str) -> Decimal:
    if not fee.is_finite() or not 0 <= fee < FEE_LIMIT:
        raise InvalidInputError("A fee is zero or more, with at most 9 digits.", field)
    if round_amount(fee, LEDGER_PLACES) != fee:
        raise InvalidInputError("The amount has at most 6 decimals.", field)
    return round_amount(fee, LEDGER_PLACES)


def _checked_units(units: Sequence[Units]) -> tuple[Units, ...]:
    if len(units) > MOST_UNITS:
        raise InvalidInputError(
            "A package includes at most %(most)s kinds.", "units", most=MOST_UNITS
        )
    kept, seen = [], set()
    for one in units:
        destination = " ".join(one.destination.split())
        if len(destination) > NAME_LENGTH:
            raise InvalidInputError("Use at most %(count)s characters.", "units", count=NAME_LENGTH)
        if one.unit not in USAGE_UNITS:
            raise InvalidInputError("Choose seconds or units.", "units")
        if not one.quantity.is_finite() or not 0 < one.quantity < UNITS_LIMIT:
            raise InvalidInputError("Included units are more than zero.", "units")
        key = (destination.lower(), one.unit)
        if key in seen:
            raise InvalidInputError("Each destination stands once for each unit.", "units")
        seen.add(key)
        kept.append(Units(destination, one.unit, round_amount(one.quantity, LEDGER_PLACES)))
    return tuple(sorted(kept))


def _plain(terms: Terms) -> dict[str, object]:
    """The terms as the audit log tells them."""
    values: dict[str, object] = dict(asdict(terms))
    values["units"] = ", ".join(
        f"{one.quantity.normalize():f} {one.unit} {one.destination or '*'}" for one in terms.units
    )
    return values


def _record(
    session: Session, package: Package, action: str, changes: dict[str, tuple[object, object]]
) -> None:
    audit.record(
        session,
        reseller_id=package.reseller_id,
        action=action,
        object_type="package",
        object_id=package.id,
        object_label=package.name,
        changes=changes,
    )
