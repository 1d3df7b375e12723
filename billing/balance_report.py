"""Balance report: opening, movements by kind and closing of Live or Fixed, proven by the ledger.

An entry counts at its `effective_at`. Days begin at the midnights of the report's zone, which are
computed here and handed to the database as instants, so that it never does calendar arithmetic.
Every figure is a sum of ledger lines: opening + movements = closing in every row and every total.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    DateTime,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    select,
    tuple_,
)

from billing.ledger import Account
from billing.models import LedgerEntry, LedgerLine, PaymentAccount, Transaction
from billing.periods import local_midnight
from core.db import Session
from core.errors import InvalidInputError
from core.zones import get_zone
from tenants.models import Client

Book = Literal["live", "fixed"]
Grouping = Literal["month", "day", "client", "account"]
BOOKS: tuple[Book, ...] = ("live", "fixed")
GROUPINGS: tuple[Grouping, ...] = ("month", "day", "client", "account")
MOST_DAYS = 400
MOST_MONTHS = 240
FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(2199, 12, 30)
"""Between these, every zone has a midnight of every day."""
PAGE = 100
_DAY = timedelta(days=1)
# what moves a balance, in the order of the columns; a kind that is not listed stands at the end
KINDS = (
    "opening_balance",
    "payment",
    "refund",
    "chargeback",
    "chargeback_reversal",
    "extra_charge",
    "services_charge",
    "package_fee",
    "invoice",
    "credit_note",
    "reversal",
)


@dataclass(frozen=True, slots=True)
class BalanceWish:
    """What is asked for. Both days belong to the period; no reseller means all of the scope."""

    book: Book
    first_on: date
    last_on: date
    timezone: str
    group: Grouping
    client_id: int | None = None
    reseller_id: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One group: `key` is its first day, or an id; empty for what came by no payment account."""

    key: str
    name: str
    opening: Decimal
    movements: Mapping[str, Decimal]
    closing: Decimal
    entries: int

    @property
    def moved(self) -> Decimal:
        return sum(self.movements.values(), Decimal())


@dataclass(frozen=True, slots=True)
class CurrencyPart:
    """All rows of one currency, their kinds of movement, and the totals."""

    currency: str
    kinds: Sequence[str]
    rows: Sequence[Row]
    total: Row

    @property
    def is_proven(self) -> bool:
        """Whether every row and the total add up."""
        return all(one.opening + one.moved == one.closing for one in (*self.rows, self.total))


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One ledger entry behind a figure; `amount` is signed, in `currency`."""

    entry_id: int
    effective_at: datetime
    kind: str
    source_id: UUID
    client_id: int
    client_name: str
    description: str
    currency: str
    amount: Decimal
    transaction_id: UUID | None
    invoice_id: UUID | None


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries behind a figure, newest first; `total` and `count` are of all of them."""

    entries: Sequence[EntryRow]
    total: Decimal
    count: int
    next: str


@dataclass
class _Sums:
    """What the database said of one group."""

    opening: Decimal = Decimal()
    movements: dict[str, Decimal] = field(default_factory=dict)
    entries: int = 0

    def add(self, kind: str, amount: Decimal, entries: int) -> None:
        if not kind:
            self.opening += amount
            return
        self.movements[kind] = self.movements.get(kind, Decimal()) + amount
        self.entries += entries

    def to_row(self, key: str, name: str, opening: Decimal | None = None) -> Row:
        opening = self.opening if opening is None else opening
        closing = opening + sum(self.movements.values(), Decimal())
        return Row(key, name, opening, dict(self.movements), closing, self.entries)


def check_wish(wish: BalanceWish) -> None:
    """Raises InvalidInputError naming the field."""
    if wish.book not in BOOKS:
        raise InvalidInputError("There is no such balance.", "book")
    if wish.group not in GROUPINGS:
        raise InvalidInputError("Choose how to group.", "group")
    get_zone(wish.timezone)
    if not FIRST_DAY <= wish.first_on <= wish.last_on <= LAST_DAY:
        raise InvalidInputError("The first day is after the last one.", "from")
    days = (wish.last_on - wish.first_on).days + 1
    if wish.group == "day" and days > MOST_DAYS:
        raise InvalidInputError("By day, choose at most %(count)s days.", "group", count=MOST_DAYS)
    if wish.group == "month" and days > MOST_MONTHS * 31:
        raise InvalidInputError(
            "By month, choose at most %(count)s months.", "group", count=MOST_MONTHS
        )


def read_report(session: Session, wish: BalanceWish) -> list[CurrencyPart]:
    """The report, one part for each currency that has a row; raises InvalidInputError.

    One pass over the lines of the book up to the end of the period.
    """
    check_wish(wish)
    days = _group_days(wish)
    rows = session.execute(_sums_query(wish, days)).all()
    by_currency: dict[str, dict[str, _Sums]] = {}
    for row in rows:
        groups = by_currency.setdefault(row.currency, {})
        groups.setdefault(_key_of(wish, row, days), _Sums()).add(row.kind, row.amount, row.entries)
    names = _read_names(session, wish, by_currency)
    return [
        _part(wish, currency, by_currency[currency], days, names)
        for currency in sorted(by_currency)
    ]


def read_entries(
    session: Session,
    wish: BalanceWish,
    *,
    currency: str,
    key: str | None = None,
    kind: str = "",
    after: str = "",
    limit: int = PAGE,
) -> EntryPage:
    """The entries behind one figure: of a row (`key`) and a kind, or of all rows and kinds.

    Raises InvalidInputError for a row that the report cannot have.
    """
    check_wish(wish)
    starts_at, ends_at = _instants(wish, key)
    entry, line = LedgerEntry, LedgerLine
    conditions = [
        *_conditions(wish),
        line.currency == currency,
        entry.effective_at >= starts_at,
        entry.effective_at < ends_at,
    ]
    if key is not None and wish.group == "client":
        conditions.append(line.client_id == _id_of(key))
    if key is not None and wish.group == "account":
        account = _payment_account()
        conditions.append(account == _id_of(key) if key else account.is_(None))
    if kind:
        conditions.append(_kind_expression() == kind)
    total, count = session.execute(
        _from(select(func.coalesce(func.sum(line.amount), 0), func.count())).where(*conditions)
    ).one()
    place = _read_place(after)
    if place is not None:
        conditions.append(tuple_(entry.effective_at, entry.id) < tuple_(*map(literal, place)))
    rows = session.execute(
        _from(
            select(
                entry.id,
                entry.effective_at,
                _kind_expression().label("kind"),
                entry.source_id,
                line.client_id,
                func.coalesce(Client.name, "").label("client_name"),
                entry.description,
                line.currency,
                line.amount,
                entry.kind == "invoice",
            )
        )
        .outerjoin(
            Client, and_(Client.reseller_id == line.reseller_id, Client.id == line.client_id)
        )
        .where(*conditions)
        .order_by(entry.effective_at.desc(), entry.id.desc())
        .limit(limit + 1)
    ).all()
    entries = _with_sources(session, rows[:limit])
    is_last = len(rows) <= limit
    last = entries[-1] if entries else None
    return EntryPage(
        entries,
        total,
        count,
        "" if is_last or last is None else f"{last.effective_at.isoformat()}_{last.entry_id}",
    )


def _with_sources(session: Session, rows: Sequence[Any]) -> list[EntryRow]:
    """The entries with the transaction or invoice that each came from, if it is one."""
    sources = [row.source_id for row in rows]
    known = set(session.scalars(select(Transaction.id).where(Transaction.id.in_(sources))))
    return [
        EntryRow(
            *row[:9],  # type: ignore[call-arg]  # as many as it has
            row.source_id if row.source_id in known else None,
            row.source_id if row[9] else None,
        )
        for row in rows
    ]


def _group_days(wish: BalanceWish) -> list[date]:
    """The first day of each row by time; only the first of the period for other groupings."""
    if wish.group == "day":
        count = (wish.last_on - wish.first_on).days + 1
        return [wish.first_on + n * _DAY for n in range(count)]
    if wish.group == "month":
        first = wish.first_on.year * 12 + wish.first_on.month - 1
        last = wish.last_on.year * 12 + wish.last_on.month - 1
        later = [date(n // 12, n % 12 + 1, 1) for n in range(first + 1, last + 1)]
        return [wish.first_on, *later]
    return [wish.first_on]


def _sums_query(wish: BalanceWish, days: Sequence[date]) -> Select[Any]:
    zone = get_zone(wish.timezone)
    edges = [local_midnight(day, zone) for day in days]
    ends_at = local_midnight(wish.last_on + _DAY, zone)
    entry, line = LedgerEntry, LedgerLine
    # 0 is before the period, n the group that begins at edge n
    bucket = func.width_bucket(entry.effective_at, cast(edges, ARRAY(DateTime(timezone=True))))
    group: Any = literal(None)
    if wish.group == "client":
        group = line.client_id
    elif wish.group == "account":
        group = _payment_account()
    lines = (
        _from(
            select(
                line.currency.label("currency"),
                group.label("group_id"),
                bucket.label("bucket"),
                case((entry.effective_at < edges[0], ""), else_=_kind_expression()).label("kind"),
                line.amount.label("amount"),
            )
        )
        .where(*_conditions(wish), entry.effective_at < ends_at)
        .subquery("moves")
    )
    moves = lines.c
    return select(
        moves.currency,
        moves.group_id,
        moves.bucket,
        moves.kind,
        func.sum(moves.amount).label("amount"),
        func.count().label("entries"),
    ).group_by(moves.currency, moves.group_id, moves.bucket, moves.kind)


def _from(query: Any) -> Any:  # noqa: ANN401 (a query of any columns)
    """Lines with their entries, and the transactions of charges, which say what was charged."""
    entry, line = LedgerEntry, LedgerLine
    return (
        query.select_from(line)
        .join(
            entry,
            and_(entry.reseller_id == line.reseller_id, entry.id == line.entry_id),
        )
        .outerjoin(
            Transaction,
            and_(
                entry.kind == "charge",
                Transaction.reseller_id == entry.reseller_id,
                Transaction.id == entry.source_id,
            ),
        )
    )


def _conditions(wish: BalanceWish) -> list[Any]:
    account = Account.CLIENT_FIXED if wish.book == "fixed" else Account.CLIENT_LIVE
    found: list[Any] = [LedgerLine.account == account.value]
    if wish.client_id is not None:
        found.append(LedgerLine.client_id == wish.client_id)
    if wish.reseller_id is not None:
        found.append(LedgerLine.reseller_id == wish.reseller_id)
    return found


def _kind_expression() -> Any:  # noqa: ANN401 (an expression over two tables)
    kind = LedgerEntry.kind
    return case(
        (kind == "charge", func.coalesce(Transaction.kind, "extra_charge")),
        # a card refill and a voucher are payments, as people see it
        (kind.in_(("refill", "voucher")), "payment"),
        else_=kind,
    )


def _payment_account() -> Any:  # noqa: ANN401 (a subquery as an expression)
    """On which payment account the entry's money moved; none for a charge or an invoice."""
    money = LedgerLine.__table__.alias("money")
    return (
        select(func.min(money.c.payment_account_id))
        .where(
            money.c.reseller_id == LedgerLine.reseller_id,
            money.c.entry_id == LedgerLine.entry_id,
            money.c.payment_account_id.is_not(None),
        )
        .correlate(LedgerLine)
        .scalar_subquery()
    )


def _key_of(wish: BalanceWish, row: Any, days: Sequence[date]) -> str:  # noqa: ANN401 (a row)
    if wish.group in ("client", "account"):
        return "" if row.group_id is None else str(row.group_id)
    place: int = max(row.bucket, 1)
    return days[place - 1].isoformat()


def _read_names(
    session: Session, wish: BalanceWish, found: Mapping[str, Mapping[str, _Sums]]
) -> dict[str, str]:
    if wish.group not in ("client", "account"):
        return {}
    ids = {int(key) for groups in found.values() for key in groups if key}
    if not ids:
        return {}
    table: Any = Client if wish.group == "client" else PaymentAccount
    wanted = literal(sorted(ids), ARRAY(table.id.type))
    rows = session.execute(select(table.id, table.name).where(table.id == func.any(wanted)))
    return {str(row[0]): row[1] for row in rows}


def _part(
    wish: BalanceWish,
    currency: str,
    groups: Mapping[str, _Sums],
    days: Sequence[date],
    names: Mapping[str, str],
) -> CurrencyPart:
    total = _Sums()
    for one in groups.values():
        total.opening += one.opening
        total.entries += one.entries
        for kind, amount in one.movements.items():
            total.movements[kind] = total.movements.get(kind, Decimal()) + amount
    if wish.group in ("client", "account"):
        rows = [
            one.to_row(key, names.get(key, ""))
            for key, one in groups.items()
            if one.opening or one.movements
        ]
        rows.sort(key=lambda row: (not row.key, row.name.casefold(), row.key))
    else:
        rows, opening = [], total.opening
        for day in days:
            one = groups.get(day.isoformat(), _Sums())
            row = one.to_row(day.isoformat(), "", opening)
            opening = row.closing
            rows.append(row)
    return CurrencyPart(currency, _ordered_kinds(total.movements), rows, total.to_row("", ""))


def _ordered_kinds(found: Mapping[str, Decimal]) -> list[str]:
    known = [kind for kind in KINDS if kind in found]
    return [*known, *sorted(set(found) - set(known))]


def _instants(wish: BalanceWish, key: str | None) -> tuple[datetime, datetime]:
    """From when to when the entries of a row are."""
    zone = get_zone(wish.timezone)
    first_on, after_on = wish.first_on, wish.last_on + _DAY
    if key is not None and wish.group in ("day", "month"):
        days = _group_days(wish)
        try:
            place = days.index(date.fromisoformat(key))
        except ValueError:
            raise InvalidInputError("The report has no such row.", "row") from None
        first_on = days[place]
        after_on = days[place + 1] if place + 1 < len(days) else after_on
    return local_midnight(first_on, zone), local_midnight(after_on, zone)


def _id_of(key: str) -> int:
    if not key.isascii() or not key.isdecimal() or int(key) >= 2**63:
        raise InvalidInputError("The report has no such row.", "row")
    return int(key)


def _read_place(after: str) -> tuple[datetime, int] | None:
    """Where a page begins; what cannot be read begins at the head."""
    at, _underscore, entry_id = after.rpartition("_")
    if not at or not entry_id.isascii() or not entry_id.isdecimal() or int(entry_id) >= 2**63:
        return None
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (found, int(entry_id)) if found.tzinfo is not None else None
