"""Tax profiles: named sets of taxes, one of them the reseller's default.

A tax may hold for a time only, so that a percent changes on a day without anybody's doing. What is
posted keeps the taxes of its day, whatever becomes of the profile.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import delete, func, insert, or_, select, update

from billing.client_models import ClientTemplateBilling
from billing.models import ClientBilling, Tax, TaxProfile
from billing.suretax_profiles import SureTaxWords, checked_words, find_words, write_words
from billing.taxes import TaxMode, TaxRate
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from tenants import audit
from tenants.models import Client
from tenants.stamps import check_stamp

PERCENT_PLACES = Decimal("0.000001")
NAME_LENGTH = 100
MOST_TAXES = 50


class ProfileMode(StrEnum):
    """How prices are meant: taxes come on top, are in them, there are none, or SureTax says."""

    EXCLUDING = "excluding"
    INCLUDING = "including"
    EXEMPT = "exempt"
    SURETAX = "suretax"


class TaxRow(NamedTuple):
    """One tax of a profile; it holds from `valid_from` to `valid_until`, both days included."""

    name: str
    percent: Decimal
    priority: int = 1
    valid_from: date | None = None
    valid_until: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether it is taken on `day`."""
        return (self.valid_from or day) <= day <= (self.valid_until or day)


GivenTax = TaxRow | tuple[str, Decimal, int]


@dataclass(frozen=True, slots=True)
class UsedTaxes:
    """What a client's charges of one day carry; `profile` is empty for a client without any.

    `by_suretax`: the taxes are not known before the invoice.
    """

    profile: str
    mode: TaxMode
    rates: Sequence[TaxRate]
    by_suretax: bool = False


def create_profile(
    session: Session,
    *,
    reseller_id: int,
    name: str,
    taxes: Sequence[GivenTax],
    is_default: bool = False,
    mode: str = ProfileMode.EXCLUDING,
    suretax: SureTaxWords | None = None,
) -> TaxProfile:
    """Make a profile of taxes.

    `is_default` takes the place of the reseller's default before it. Raises InvalidInputError.
    """
    profile = TaxProfile(reseller_id=reseller_id)
    profile.name = _checked_name(session, profile, name)
    profile.mode = _checked_mode(mode)
    rows = check_taxes(taxes, profile.mode)
    if is_default:
        _clear_default(session, reseller_id)
    profile.is_default = is_default
    words = checked_words(session, profile, suretax)
    session.add(profile)
    session.flush()
    _write_taxes(session, profile, rows)
    write_words(session, profile, words)
    _record(session, profile, "create", audit.differences({}, facts(profile, rows, words)))
    return profile


def update_profile(
    session: Session,
    profile_id: int,
    *,
    name: str,
    taxes: Sequence[GivenTax],
    is_default: bool = False,
    mode: str = ProfileMode.EXCLUDING,
    stamp: str | None = None,
    suretax: SureTaxWords | None = None,
) -> TaxProfile:
    """Change a profile. What is posted keeps the taxes of its day.

    `stamp` is that of `facts` as they were shown, None where nothing was. Raises NotFoundError,
    InvalidInputError, ConflictError when it was changed meanwhile.
    """
    profile = get_profile(session, profile_id, for_update=True)
    before = facts(profile, list_rows(session, profile.id), find_words(session, profile.id))
    if stamp is not None:
        check_stamp(stamp, before)
    mode = _checked_mode(mode)
    rows = check_taxes(taxes, mode)
    profile.name, profile.mode = _checked_name(session, profile, name), mode
    words = checked_words(session, profile, suretax)
    if is_default and not profile.is_default:
        _clear_default(session, profile.reseller_id)
    profile.is_default = is_default
    session.flush()
    session.execute(delete(Tax).where(Tax.tax_profile_id == profile.id))
    _write_taxes(session, profile, rows)
    write_words(session, profile, words)
    changes = audit.differences(before, facts(profile, rows, words))
    if changes:
        _record(session, profile, "update", changes)
    return profile


def delete_profile(session: Session, profile_id: int) -> None:
    """Raises NotFoundError; ConflictError when a client or a template has it, or it is the default.

    Without the default, clients that have no profile of their own would quietly pay no tax.
    """
    profile = get_profile(session, profile_id, for_update=True)
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
    if profile.is_default:
        raise ConflictError("This is the default of the company: choose another default first.")
    before = facts(profile, list_rows(session, profile.id), find_words(session, profile.id))
    session.execute(delete(Tax).where(Tax.tax_profile_id == profile.id))
    write_words(session, profile, None)
    gone: dict[str, tuple[object, object]] = {key: (value, None) for key, value in before.items()}
    _record(session, profile, "delete", gone)
    session.delete(profile)
    session.flush()


def get_profile(session: Session, profile_id: int, *, for_update: bool = False) -> TaxProfile:
    """Raises NotFoundError, also for a profile of another tenant."""
    query = select(TaxProfile).where(TaxProfile.id == profile_id)
    profile = session.scalar(query.with_for_update() if for_update else query)
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


def list_rows(session: Session, profile_id: int) -> list[TaxRow]:
    """All taxes of a profile, also those of other days, in the order they apply."""
    return list_rows_of(session, [profile_id]).get(profile_id, [])


def list_rows_of(session: Session, profile_ids: Sequence[int]) -> dict[int, list[TaxRow]]:
    """`list_rows` of several profiles at once."""
    found: dict[int, list[TaxRow]] = {}
    rows = session.execute(
        select(
            Tax.tax_profile_id,
            Tax.name,
            Tax.percent,
            Tax.priority,
            Tax.valid_from,
            Tax.valid_until,
        )
        .where(Tax.tax_profile_id.in_(profile_ids))
        .order_by(Tax.priority, Tax.name, Tax.valid_from.nulls_first())
    )
    for one in rows:
        row = TaxRow(one.name, one.percent, one.priority, one.valid_from, one.valid_until)
        found.setdefault(one.tax_profile_id, []).append(row)
    return found


def rates_on(rows: Iterable[TaxRow], day: date) -> list[TaxRate]:
    """Those that hold on `day`."""
    return [TaxRate(row.name, row.percent, row.priority) for row in rows if row.holds_on(day)]


def get_client_taxes(session: Session, client: Client, day: date) -> UsedTaxes:
    """What the client's charges of `day` carry: its profile, else its reseller's default."""
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
    holds = (
        (Tax.tax_profile_id == TaxProfile.id)
        & (Tax.reseller_id == TaxProfile.reseller_id)
        & or_(Tax.valid_from.is_(None), Tax.valid_from <= day)
        & or_(Tax.valid_until.is_(None), Tax.valid_until >= day)
    )
    rows = session.execute(
        select(
            TaxProfile.name.label("profile"), TaxProfile.mode, Tax.name, Tax.percent, Tax.priority
        )
        .outerjoin(Tax, holds)
        .where(
            TaxProfile.reseller_id == client.reseller_id,
            TaxProfile.id == func.coalesce(chosen, default),
        )
        .order_by(Tax.priority, Tax.name)
    ).all()
    if not rows:
        return UsedTaxes("", TaxMode.EXCLUDING, ())
    rates = [TaxRate(row.name, row.percent, row.priority) for row in rows if row.name is not None]
    mode = rows[0].mode
    return UsedTaxes(rows[0].profile, price_mode(mode), rates, mode == ProfileMode.SURETAX)


def price_mode(mode: str) -> TaxMode:
    """How an amount is taken under a profile; the taxes of an exempt one are 0 percent."""
    return TaxMode.INCLUDING if mode == ProfileMode.INCLUDING else TaxMode.EXCLUDING


def facts(
    profile: TaxProfile, rows: Sequence[TaxRow], words: SureTaxWords | None = None
) -> dict[str, object]:
    """What a form shows of a profile, for its stamp and for the audit log."""
    told = {} if words is None else words._asdict()
    return {
        "name": profile.name,
        "mode": profile.mode,
        "is_default": profile.is_default,
        "taxes": [_in_words(row) for row in rows],
        **told,
    }


def _in_words(row: TaxRow) -> str:
    text = f"{row.name} {row.percent.normalize():f} % ({row.priority})"
    if row.valid_from is None and row.valid_until is None:
        return text
    days = (day.isoformat() if day else "" for day in (row.valid_from, row.valid_until))
    return f"{text} {'–'.join(days)}"


def _write_taxes(session: Session, profile: TaxProfile, rows: Sequence[TaxRow]) -> None:
    if not rows:
        return
    session.execute(
        insert(Tax),
        [
            {
                "reseller_id": profile.reseller_id,
                "tax_profile_id": profile.id,
                **row._asdict(),
            }
            for row in rows
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


def _checked_mode(mode: str) -> str:
    if mode not in list(ProfileMode):
        raise InvalidInputError("Choose how prices are meant.", "mode")
    return mode


def check_taxes(taxes: Sequence[GivenTax], mode: str) -> list[TaxRow]:
    """The taxes in the order they apply; raises InvalidInputError at `taxes`."""
    rows = [
        row._replace(name=" ".join(row.name.split())) for row in (TaxRow(*given) for given in taxes)
    ]
    if mode == ProfileMode.SURETAX:
        if rows:
            raise InvalidInputError(
                "SureTax says which taxes there are: remove those entered here.", "taxes"
            )
        return []
    if not rows:
        raise InvalidInputError("Enter at least one tax.", "taxes")
    if len(rows) > MOST_TAXES:
        raise InvalidInputError("A profile has at most 50 taxes.", "taxes")
    for row in rows:
        _check_tax(row)
    if mode == ProfileMode.EXEMPT and any(row.percent for row in rows):
        raise InvalidInputError(
            "Without tax: write the reason as a tax of 0 percent, it is printed.", "taxes"
        )
    rows.sort(key=lambda row: (row.name, row.valid_from or date.min))
    for one, other in pairwise(rows):
        if one.name == other.name and (one.valid_until or date.max) >= (
            other.valid_from or date.min
        ):
            raise InvalidInputError(
                "Each tax stands once in a profile. For another time give both their days.", "taxes"
            )
    return sorted(rows, key=lambda row: (row.priority, row.name, row.valid_from or date.min))


def _check_tax(row: TaxRow) -> None:
    if not row.name:
        raise InvalidInputError("Every tax needs a name.", "taxes")
    if len(row.name) > NAME_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "taxes", count=NAME_LENGTH)
    percent = row.percent
    if not 0 <= percent <= 100 or percent != percent.quantize(PERCENT_PLACES):
        raise InvalidInputError("A tax is from 0 to 100 percent with at most 6 decimals.", "taxes")
    if not 1 <= row.priority <= 100:
        raise InvalidInputError("A priority is from 1 to 100.", "taxes")
    if row.valid_from and row.valid_until and row.valid_from > row.valid_until:
        raise InvalidInputError("A tax cannot end before it begins.", "taxes")


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
