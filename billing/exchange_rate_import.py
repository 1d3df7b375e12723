"""Exchange rates from a table that somebody brings: looked at row by row before any is written.

Headings are date, from, to and rate, in English or German. A day is written 2026-03-31 or
31.03.2026; a rate with a point or a comma before its decimals and without grouping.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from sqlalchemy import select

from billing import currencies, exchange_rates
from billing.currency_models import ExchangeRate
from core.db import Session
from core.errors import AppError, ConflictError, InvalidInputError
from core.sheet_reader import look_at, read_rows

MOST_RATES = 2_000
HEADINGS = {
    "date": "day", "day": "day", "datum": "day", "tag": "day",
    "from": "from", "base": "from", "von": "from",
    "to": "to", "quote": "to", "nach": "to", "in": "to",
    "rate": "rate", "kurs": "rate",
}  # fmt: skip
_ISO_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T]00:00(?::00)?)?")
_DOTTED_DAY = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_RATE = re.compile(r"\d{1,10}(?:[.,]\d{1,20})?")

State = Literal["new", "change", "same", "wrong"]
Key = tuple[str, str, date]


@dataclass(frozen=True, slots=True)
class RateLine:
    """One row and what would become of it; `before` is the rate that it replaces.

    `cells` are day, from, to and rate as written. `error` says what is wrong with a wrong row.
    """

    number: int
    cells: tuple[str, str, str, str]
    state: State
    day: date | None = None
    rate: Decimal | None = None
    before: Decimal | None = None
    error: AppError | None = None


def read_rates(session: Session, reseller_id: int, content: bytes) -> list[RateLine]:
    """What every row would do, in the order of the file; writes nothing.

    Raises InvalidInputError at `file` for what is no table of rates.
    """
    sheet = look_at(content)
    places = _find_columns(sheet.headings)
    used = currencies.list_codes(session, reseller_id)
    known = {
        (one.from_currency, one.to_currency, one.day): one.rate
        for one in session.scalars(
            select(ExchangeRate).where(ExchangeRate.reseller_id == reseller_id)
        )
    }
    lines: list[RateLine] = []
    seen: dict[Key, int] = {}
    for number, row in read_rows(content, sheet):
        if len(lines) == MOST_RATES:
            raise InvalidInputError("The file has more than 2,000 rows. Split it.", "file")
        cells = (
            row[places["day"]],
            row[places["from"]].upper(),
            row[places["to"]].upper(),
            row[places["rate"]],
        )
        lines.append(_judge(number, cells, used, known, seen))
    if not lines:
        raise InvalidInputError("The file has no rows below its headings.", "file")
    return lines


def import_rates(session: Session, reseller_id: int, content: bytes) -> list[RateLine]:
    """Write every rate of the file, all or none; what is there already stays as it is.

    Raises InvalidInputError at `file`; ConflictError when a row is wrong.
    """
    lines = read_rates(session, reseller_id, content)
    if any(line.state == "wrong" for line in lines):
        raise ConflictError("Some rows are wrong: nothing was imported.")
    for line in lines:
        _day, source, target, _rate = line.cells
        if line.day is None or line.rate is None:
            continue
        if line.state == "new":
            exchange_rates.create_rate(
                session,
                reseller_id=reseller_id,
                from_currency=source,
                to_currency=target,
                day=line.day,
                rate=line.rate,
                source="file",
            )
        elif line.state == "change":
            known = exchange_rates.find_of_day(session, reseller_id, source, target, line.day)
            if known is not None:
                exchange_rates.replace_rate(session, known, rate=line.rate, source="file")
    return lines


def _find_columns(headings: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, heading in enumerate(headings):
        name = HEADINGS.get(heading.strip().lower())
        if name is not None:
            found.setdefault(name, place)
    if len(found) < 4:
        raise InvalidInputError("The first line must name date, from, to and rate.", "file")
    return found


def _judge(
    number: int,
    cells: tuple[str, str, str, str],
    used: set[str],
    known: dict[Key, Decimal],
    seen: dict[Key, int],
) -> RateLine:
    try:
        day = _read_day(cells[0])
        rate = exchange_rates.checked_rate(used, cells[1], cells[2], day, _read_rate(cells[3]))
        key = (cells[1], cells[2], day)
        if key in seen:
            raise InvalidInputError("Row %(number)s names this day already.", number=str(seen[key]))
    except InvalidInputError as error:
        return RateLine(number, cells, "wrong", error=error)
    seen[key] = number
    before = known.get(key)
    state: State = "new" if before is None else "same" if before == rate else "change"
    return RateLine(number, cells, state, day, rate, before)


def _read_day(text: str) -> date:
    iso, dotted = _ISO_DAY.fullmatch(text), _DOTTED_DAY.fullmatch(text)
    try:
        if iso is not None:
            return date(*map(int, iso.groups()))
        if dotted is not None:
            day, month, year = map(int, dotted.groups())
            return date(year, month, day)
    except ValueError:
        pass
    raise InvalidInputError("Write the day as 2026-03-31 or 31.03.2026.", "day")


def _read_rate(text: str) -> Decimal:
    if not _RATE.fullmatch(text):
        raise InvalidInputError("Write the rate in digits, for example 1.0845.", "rate")
    return Decimal(text.replace(",", "."))
