"""A page of exchange rates, newest first, and the rate that holds on a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on

from billing.currency_models import ExchangeRate
from billing.exchange_rates import EARLIEST_YEAR, LATEST_YEAR, HeldRate, rate_on
from core.db import Session
from core.errors import InvalidInputError

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; `before` is the place that the page begins after."""

    source: str
    target: str
    day: date
    before: tuple[date, int] | None

    @property
    def is_filtered(self) -> bool:
        return bool(self.source or self.target)


@dataclass(frozen=True, slots=True)
class RatesPage:
    """`holding` are the ids of those that hold on the asked day; `older` is the next place."""

    rows: Sequence[ExchangeRate]
    holding: set[int]
    older: str


def read_asked(args: Mapping[str, str], today: date) -> Asked:
    """What cannot be read is as if it had not been asked."""
    return Asked(
        args.get("from", "").strip()[:3],
        args.get("to", "").strip()[:3],
        _read_day(args.get("on", "")) or today,
        _read_place(args.get("before", "")),
    )


def read_rates(session: Session, reseller_id: int, asked: Asked) -> RatesPage:
    """Newest first, one page after `asked.before`."""
    query = select(ExchangeRate).where(ExchangeRate.reseller_id == reseller_id)
    if asked.source:
        query = query.where(ExchangeRate.from_currency == asked.source)
    if asked.target:
        query = query.where(ExchangeRate.to_currency == asked.target)
    if asked.before is not None:
        query = query.where(tuple_(ExchangeRate.day, ExchangeRate.id) < tuple_(*asked.before))
    newest_first = (ExchangeRate.day.desc(), ExchangeRate.id.desc())
    rows = session.scalars(query.order_by(*newest_first).limit(PAGE_SIZE + 1)).all()
    shown = rows[:PAGE_SIZE]
    holding = session.scalars(
        select(ExchangeRate.id)
        .ext(distinct_on(ExchangeRate.from_currency, ExchangeRate.to_currency))
        .where(ExchangeRate.reseller_id == reseller_id, ExchangeRate.day <= asked.day)
        .order_by(ExchangeRate.from_currency, ExchangeRate.to_currency, ExchangeRate.day.desc())
    )
    older = f"{shown[-1].day.isoformat()}.{shown[-1].id}" if len(rows) > PAGE_SIZE else ""
    return RatesPage(shown, set(holding), older)


def read_held(
    session: Session, reseller_id: int, asked: Asked
) -> HeldRate | InvalidInputError | None:
    """The rate of the asked day, or why there is none; None when no pair is asked for."""
    if not (asked.source and asked.target):
        return None
    try:
        return rate_on(session, reseller_id, asked.source, asked.target, asked.day)
    except InvalidInputError as error:
        return error


def _read_day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if EARLIEST_YEAR <= day.year <= LATEST_YEAR else None


def _read_place(text: str) -> tuple[date, int] | None:
    day_text, _dot, number = text.partition(".")
    day = _read_day(day_text)
    if day is None or not number.isdecimal() or len(number) > 18:
        return None
    return day, int(number)
