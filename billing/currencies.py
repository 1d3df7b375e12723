"""The currencies that a reseller uses, and how many decimals their figures are given with.

Its own currency and those of its clients are always used; others are added so that money can be
converted from and to them. What nobody has set has the usual precision of its currency.
"""

from dataclasses import dataclass

from sqlalchemy import delete, func, or_, select

from billing.currency_models import ExchangeRate, ResellerCurrency
from billing.models import ClientBalance
from core.currencies import get_currency
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.money import LEDGER_PLACES
from tenants import audit, resellers
from tenants.models import Client, Reseller
from tenants.stamps import check_stamp

MOST_RATE_PLACES = 10
MOST_DETAIL_PLACES = LEDGER_PLACES


@dataclass(frozen=True, slots=True)
class Precision:
    """Decimals of prices, of the lines of an invoice, and of what is to be paid."""

    rates: int
    details: int
    totals: int


@dataclass(frozen=True, slots=True)
class UsedCurrency:
    """A currency of a reseller; `clients` have their balance in it, `rates` name it."""

    code: str
    precision: Precision
    is_own: bool
    is_saved: bool
    clients: int
    rates: int

    @property
    def may_be_removed(self) -> bool:
        """Whether nothing needs it."""
        return self.is_saved and not (self.is_own or self.clients or self.rates)


def usual_precision(code: str) -> Precision:
    """What counts as long as nobody has set anything; InvalidInputError for an unknown code."""
    return Precision(LEDGER_PLACES, LEDGER_PLACES, get_currency(code).minor_digits)


def precision_of(session: Session, reseller_id: int, code: str) -> Precision:
    """The decimals of a currency at a reseller; InvalidInputError for an unknown code."""
    row = _find(session, reseller_id, code)
    return usual_precision(code) if row is None else _precision(row)


def client_precision(session: Session, client_id: int) -> Precision:
    """The decimals of the figures of a client, in the currency of its balance."""
    code, *places = session.execute(
        select(
            ClientBalance.currency,
            ResellerCurrency.rate_places,
            ResellerCurrency.detail_places,
            ResellerCurrency.total_places,
        )
        .outerjoin(
            ResellerCurrency,
            (ResellerCurrency.reseller_id == ClientBalance.reseller_id)
            & (ResellerCurrency.code == ClientBalance.currency),
        )
        .where(ClientBalance.client_id == client_id)
    ).one()
    return usual_precision(code) if places[0] is None else Precision(*places)


def precision_for(session: Session, client_id: int, code: str) -> Precision:
    """The decimals of figures in `code` of a client; InvalidInputError for an unknown code."""
    places = session.execute(
        select(
            ResellerCurrency.rate_places,
            ResellerCurrency.detail_places,
            ResellerCurrency.total_places,
        )
        .join(Client, Client.reseller_id == ResellerCurrency.reseller_id)
        .where(Client.id == client_id, ResellerCurrency.code == code)
    ).one_or_none()
    return usual_precision(code) if places is None else Precision(*places)


def list_codes(session: Session, reseller_id: int) -> set[str]:
    """The codes of `list_currencies`."""
    saved = select(ResellerCurrency.code).where(ResellerCurrency.reseller_id == reseller_id)
    own = select(Reseller.currency).where(Reseller.id == reseller_id)
    of_clients = select(ClientBalance.currency).where(ClientBalance.reseller_id == reseller_id)
    return set(session.scalars(saved.union(own, of_clients)))


def list_currencies(session: Session, reseller_id: int) -> list[UsedCurrency]:
    """All that a reseller uses: its own one first, then by code."""
    own = resellers.get_reseller(session, reseller_id).currency
    saved = {
        row.code: row
        for row in session.scalars(
            select(ResellerCurrency).where(ResellerCurrency.reseller_id == reseller_id)
        )
    }
    clients: dict[str, int] = {
        code: number
        for code, number in session.execute(
            select(ClientBalance.currency, func.count())
            .where(ClientBalance.reseller_id == reseller_id)
            .group_by(ClientBalance.currency)
        )
    }
    rates = _count_rates(session, reseller_id)
    used = [
        UsedCurrency(
            code=code,
            precision=_precision(saved[code]) if code in saved else usual_precision(code),
            is_own=code == own,
            is_saved=code in saved,
            clients=clients.get(code, 0),
            rates=rates.get(code, 0),
        )
        for code in {own, *saved, *clients}
    ]
    return sorted(used, key=lambda one: (not one.is_own, one.code))


def save_currency(
    session: Session, *, reseller_id: int, code: str, precision: Precision, stamp: str | None
) -> None:
    """Use a currency, or set the precision of one that is used.

    `stamp` is that of `facts` as they were shown, None for a currency that is added: one that is
    there with the same precision stays as it is. Raises InvalidInputError naming the field,
    ConflictError when it was changed meanwhile.
    """
    # the reseller's row is the lock: two who save at once follow each other
    session.execute(select(Reseller.id).where(Reseller.id == reseller_id).with_for_update())
    _check(code, precision)
    row = _find(session, reseller_id, code)
    before = None if row is None else _precision(row)
    if before == precision:
        return
    if stamp is None and before is not None:
        raise InvalidInputError("This currency is used already.", "code")
    if stamp is not None:
        check_stamp(stamp, facts(precision_of(session, reseller_id, code)))
    if row is None:
        row = ResellerCurrency(reseller_id=reseller_id, code=code)
        session.add(row)
    row.rate_places, row.detail_places = precision.rates, precision.details
    row.total_places = precision.totals
    session.flush()
    changes = audit.differences({} if before is None else facts(before), facts(precision))
    _record(session, reseller_id, code, "create" if before is None else "update", changes)


def remove_currency(session: Session, reseller_id: int, code: str) -> None:
    """Stop using a currency. Raises NotFoundError; ConflictError while something needs it."""
    row = _find(session, reseller_id, code)
    if row is None:
        raise NotFoundError("Currency not found.")
    if resellers.get_reseller(session, reseller_id).currency == code:
        raise ConflictError("This is the company's own currency.")
    of_client = session.scalar(
        select(ClientBalance.client_id)
        .where(ClientBalance.reseller_id == reseller_id, ClientBalance.currency == code)
        .limit(1)
    )
    if of_client is not None:
        raise ConflictError("Clients have their balance in this currency.")
    named = session.scalar(
        select(ExchangeRate.id)
        .where(
            ExchangeRate.reseller_id == reseller_id,
            or_(ExchangeRate.from_currency == code, ExchangeRate.to_currency == code),
        )
        .limit(1)
    )
    if named is not None:
        raise ConflictError("There are exchange rates of this currency: delete them first.")
    session.execute(
        delete(ResellerCurrency).where(
            ResellerCurrency.reseller_id == reseller_id, ResellerCurrency.code == code
        )
    )
    _record(session, reseller_id, code, "delete", {})


def facts(precision: Precision) -> dict[str, object]:
    """What a form shows of a precision, for its stamp and for the audit log."""
    return {
        "rate_places": precision.rates,
        "detail_places": precision.details,
        "total_places": precision.totals,
    }


def _count_rates(session: Session, reseller_id: int) -> dict[str, int]:
    rows = session.execute(
        select(ExchangeRate.from_currency, ExchangeRate.to_currency, func.count())
        .where(ExchangeRate.reseller_id == reseller_id)
        .group_by(ExchangeRate.from_currency, ExchangeRate.to_currency)
    )
    counts: dict[str, int] = {}
    for one, other, number in rows:
        for code in (one, other):
            counts[code] = counts.get(code, 0) + number
    return counts


def _find(session: Session, reseller_id: int, code: str) -> ResellerCurrency | None:
    return session.scalar(
        select(ResellerCurrency).where(
            ResellerCurrency.reseller_id == reseller_id, ResellerCurrency.code == code
        )
    )


def _precision(row: ResellerCurrency) -> Precision:
    return Precision(row.rate_places, row.detail_places, row.total_places)


def _check(code: str, precision: Precision) -> None:
    minor = get_currency(code).minor_digits
    limits = (
        ("total_places", precision.totals, 0, minor),
        ("detail_places", precision.details, precision.totals, MOST_DETAIL_PLACES),
        ("rate_places", precision.rates, precision.totals, MOST_RATE_PLACES),
    )
    for field, places, low, high in limits:
        if not low <= places <= high:
            raise InvalidInputError(
                "Enter a number from %(low)s to %(high)s.", field, low=low, high=high
            )


def _record(
    session: Session,
    reseller_id: int,
    code: str,
    action: str,
    changes: dict[str, tuple[object, object]],
) -> None:
    audit.record(
        session,
        reseller_id=reseller_id,
        action=action,
        object_type="currency",
        object_id=code,
        object_label=code,
        changes=changes,
    )
