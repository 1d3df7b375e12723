"""What the Vouchers screens read."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select

from billing.models import PaymentAccount
from billing.voucher_models import VOUCHER_STATES, Voucher, VoucherSeries
from billing.vouchers import get_series
from core.db import Session
from core.errors import NotFoundError
from core.tenancy import current_scope
from portal.keyset import Key, Order, Page, Place, read_page, walk
from tenants import tasks
from tenants.models import Client, Reseller
from tenants.task_models import Task

STATES = ("any", *VOUCHER_STATES)
_SERIAL = re.compile(r"(.+)-0*(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for."""

    search: str = ""
    series_id: int | None = None
    client_id: int | None = None
    state: str = "any"

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.series_id or self.client_id or self.state != "any")


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """One line of the list of series; amounts in `currency`."""

    id: int
    name: str
    reseller: str
    amount: Decimal
    currency: str
    quantity: int
    made: int
    expires_on: date | None
    created_at: datetime
    created_by: str
    pins_until: datetime | None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VoucherRow:
    """One line of the list of vouchers."""

    id: UUID
    series_id: int
    series: str
    number: int
    reseller: str
    amount: Decimal
    currency: str
    state: str
    expires_on: date | None
    client_id: int | None
    client_name: str | None
    redeemed_at: datetime | None
    changed_at: datetime
    changed_by: str
    reason: str

    @property
    def serial(self) -> str:
        return f"{self.series}-{self.number:06d}"


@dataclass(frozen=True, slots=True)
class SeriesPage:
    """One series, how many of its vouchers are in which state, and the task that makes it."""

    series: VoucherSeries
    reseller: str
    account: str
    counts: Mapping[str, int]
    task: Task | None

    @property
    def is_making(self) -> bool:
        """Whether more vouchers come; a task of those above is not seen from here."""
        is_over = self.task is not None and self.task.state in tasks.FINAL_STATES
        return self.series.made < self.series.quantity and not is_over

    @property
    def percent(self) -> int:
        return self.series.made * 100 // self.series.quantity


def read_series(session: Session, search: str, place: Place) -> Page[SeriesRow]:
    """One page of series, newest first."""
    pick = select(VoucherSeries.id.label("id"))
    if search:
        pick = pick.where(func.lower(VoucherSeries.name).contains(search.lower(), autoescape=True))
    walked = walk(
        pick,
        owner=VoucherSeries.reseller_id,
        order=Order([Key("id", int)], descending=True),
        place=place,
    )
    query = walked.decorate(
        VoucherSeries.id,
        VoucherSeries.name,
        Reseller.name.label("reseller"),
        VoucherSeries.amount,
        VoucherSeries.currency,
        VoucherSeries.quantity,
        VoucherSeries.made,
        VoucherSeries.expires_on,
        VoucherSeries.created_at,
        VoucherSeries.created_by,
        VoucherSeries.pins_until,
        keep=[
            (VoucherSeries, VoucherSeries.id == walked.picked.c.id, False),
            (Reseller, Reseller.id == VoucherSeries.reseller_id, False),
        ],
    )
    names = [name for name in SeriesRow.__dataclass_fields__ if name != "counts"]
    page = read_page(
        session,
        walked,
        query,
        lambda row: SeriesRow(**{name: getattr(row, name) for name in names}),
    )
    counts = _count(session, [row.id for row in page.rows])
    return replace(page, rows=[replace(row, counts=counts.get(row.id, {})) for row in page.rows])


def _count(session: Session, series_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    rows = session.execute(
        select(Voucher.series_id, Voucher.state, func.count())
        .where(Voucher.series_id.in_(series_ids))
        .group_by(Voucher.series_id, Voucher.state)
    )
    found: dict[int, dict[str, int]] = {}
    for series_id, state, count in rows:
        found.setdefault(series_id, {})[state] = count
    return found


def read_vouchers(session: Session, filters: Filters, place: Place) -> Page[VoucherRow]:
    """One page: of one series in the order of its numbers, else the newest series first."""
    pick = select(Voucher.series_id.label("series_id"), Voucher.number.label("number"))
    walked = walk(
        pick.where(*_conditions(filters)),
        owner=Voucher.reseller_id,
        order=Order(
            [Key("series_id", int), Key("number", int)], descending=filters.series_id is None
        ),
        place=place,
    )
    query = walked.decorate(
        Voucher.id,
        Voucher.series_id.label("of_series"),
        VoucherSeries.name.label("series"),
        Voucher.number.label("of_number"),
        Reseller.name.label("reseller"),
        VoucherSeries.amount,
        VoucherSeries.currency,
        Voucher.state,
        VoucherSeries.expires_on,
        Voucher.client_id,
        Client.name.label("client_name"),
        Voucher.redeemed_at,
        Voucher.changed_at,
        Voucher.changed_by,
        Voucher.reason,
        keep=[
            (
                Voucher,
                and_(
                    Voucher.series_id == walked.picked.c.series_id,
                    Voucher.number == walked.picked.c.number,
                ),
                False,
            ),
            (VoucherSeries, VoucherSeries.id == Voucher.series_id, False),
            (Reseller, Reseller.id == Voucher.reseller_id, False),
            (Client, Client.id == Voucher.client_id, True),
        ],
    )
    same = [n for n in VoucherRow.__dataclass_fields__ if n not in ("series_id", "number")]
    return read_page(
        session,
        walked,
        query,
        lambda row: VoucherRow(
            series_id=row.of_series,
            number=row.of_number,
            **{name: getattr(row, name) for name in same},
        ),
    )


def get_page(session: Session, series_id: int) -> SeriesPage:
    """Raises NotFoundError, also for one of another tenant."""
    series = get_series(session, series_id)
    row = session.execute(
        select(Reseller.name, PaymentAccount.name)
        .join(PaymentAccount, PaymentAccount.reseller_id == Reseller.id)
        .where(Reseller.id == series.reseller_id, PaymentAccount.id == series.payment_account_id)
    ).one()
    counts = _count(session, [series_id]).get(series_id, {})
    is_one = len(current_scope().reseller_ids) == 1
    return SeriesPage(
        series, "" if is_one else row[0], row[1], counts, tasks.find_task(session, series.task_id)
    )


def get_row(session: Session, voucher_id: UUID) -> tuple[Voucher, VoucherSeries]:
    """A voucher and its series; raises NotFoundError."""
    found = session.execute(
        select(Voucher, VoucherSeries)
        .join(VoucherSeries, VoucherSeries.id == Voucher.series_id)
        .where(Voucher.id == voucher_id)
    ).one_or_none()
    if found is None:
        raise NotFoundError("Voucher not found.")
    return found[0], found[1]


def list_accounts(session: Session) -> list[tuple[int, str]]:
    """Payment accounts of the scope that may be booked on, with their reseller in a family."""
    is_one = len(current_scope().reseller_ids) == 1
    rows = session.execute(
        select(PaymentAccount.id, PaymentAccount.name, Reseller.name)
        .join(Reseller, Reseller.id == PaymentAccount.reseller_id)
        .where(PaymentAccount.is_active)
        .order_by(Reseller.name, PaymentAccount.name)
        .limit(500)
    )
    return [(key, name if is_one else f"{name} – {reseller}") for key, name, reseller in rows]


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.series_id is not None:
        found.append(Voucher.series_id == filters.series_id)
    if filters.client_id is not None:
        found.append(Voucher.client_id == filters.client_id)
    if filters.state != "any":
        found.append(Voucher.state == filters.state)
    if filters.search:
        found += _of_serial(filters.search.upper())
    return found


def _of_serial(typed: str) -> list[ColumnElement[bool]]:
    """`SUMMER-000042` is one voucher, `SUMMER` or a part of it a series."""
    serial = _SERIAL.fullmatch(typed)
    named = func.lower(VoucherSeries.name)
    if serial is not None:
        whole = select(VoucherSeries.id).where(named == serial[1].lower())
        return [Voucher.series_id.in_(whole), Voucher.number == int(serial[2])]
    part = select(VoucherSeries.id).where(named.contains(typed.lower(), autoescape=True))
    return [Voucher.series_id.in_(part)]
