"""Reports as somebody asks for them: kept, written to files, and the same wherever they are made.

A spec names its period as people do ("last month"), so that one that is saved moves with the day.
Files carry the headings of the language in which they were asked for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any, BinaryIO

from billing import aging, balance_report
from billing.aging import BUCKETS, AgingWish
from billing.balance_report import BalanceWish
from billing.named_periods import named_period
from core.db import Session
from core.errors import InvalidInputError
from core.sheet_writer import CSV_TYPE, XLSX_TYPE, Cell, write_csv, write_xlsx

REPORTS = ("balance", "aging")
FORMATS = ("csv", "csv-bom", "xlsx")
KNOWN_WORDS = (
    "currency", "month", "day", "client", "account", "opening", "closing", "moved", "total",
    "client_id", "no_account", "invoices", *BUCKETS, *balance_report.KINDS,
)  # fmt: skip
"""What the words of a file's language are asked for; other kinds are called as they are stored."""
Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReportSpec:
    """What is asked for. `period` is a name, or "custom" with both days; aging takes its last."""

    report: str
    period: str
    timezone: str
    book: str = "live"
    group: str = "month"
    first_on: date | None = None
    last_on: date | None = None
    client_id: int | None = None
    reseller_id: int | None = None

    def days(self, day: date) -> tuple[date, date]:
        """First and last day as they are on `day`; raises InvalidInputError."""
        if self.period != "custom":
            return named_period(self.period, day)
        if self.first_on is None or self.last_on is None:
            raise InvalidInputError("Choose both days of the period.", "from")
        return self.first_on, self.last_on

    def balance_wish(self, day: date) -> BalanceWish:
        first_on, last_on = self.days(day)
        return BalanceWish(
            book=self.book,  # type: ignore[arg-type]  # checked with the wish
            first_on=first_on,
            last_on=last_on,
            timezone=self.timezone,
            group=self.group,  # type: ignore[arg-type]  # the same
            client_id=self.client_id,
            reseller_id=self.reseller_id,
        )

    def aging_wish(self, day: date) -> AgingWish:
        return AgingWish(self.days(day)[1], self.timezone, self.client_id, self.reseller_id)

    def check(self, day: date) -> None:
        """Raises InvalidInputError naming the field."""
        if self.report not in REPORTS:
            raise InvalidInputError("There is no such report.", "report")
        if self.report == "aging":
            aging.check_wish(self.aging_wish(day))
        else:
            balance_report.check_wish(self.balance_wish(day))

    def to_params(self) -> dict[str, Any]:
        """As it is stored; empty values are left out."""
        return {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in asdict(self).items()
            if value is not None
        }


def spec_of(params: Mapping[str, Any]) -> ReportSpec:
    """The spec that `to_params` made these of."""
    days = {
        name: date.fromisoformat(params[name]) for name in ("first_on", "last_on") if name in params
    }
    return ReportSpec(**{**params, **days})


def read_table(
    session: Session, spec: ReportSpec, day: date, words: Words
) -> tuple[list[str], list[list[Cell]]]:
    """Headings and rows of the report's file, as it is on `day`."""
    if spec.report == "aging":
        return _aging_table(session, spec.aging_wish(day), words)
    return _balance_table(session, spec.balance_wish(day), words)


def write_table(
    out: BinaryIO,
    headings: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    format: str,
    sheet: str,
) -> None:
    """The file, its cells harmless to spreadsheets."""
    if format == "xlsx":
        write_xlsx(out, headings, rows, sheet=sheet)
        return

    def lines() -> Iterator[Sequence[Cell]]:
        yield headings
        yield from rows

    for piece in write_csv(lines(), with_bom=format == "csv-bom"):
        out.write(piece)


def file_name(spec: ReportSpec, day: date, format: str) -> str:
    """What the file is called."""
    first_on, last_on = spec.days(day)
    is_day = spec.report == "aging" or first_on == last_on
    span = f"{last_on}" if is_day else f"{first_on}-{last_on}"
    book = f"-{spec.book}" if spec.report == "balance" else ""
    return f"{spec.report}{book}-{span}.{'xlsx' if format == 'xlsx' else 'csv'}"


def media_type(format: str) -> str:
    return XLSX_TYPE if format == "xlsx" else CSV_TYPE


def gather_words(translate: Callable[[str], str]) -> dict[str, str]:
    """The words of a file, each told by `translate`."""
    return {name: translate(name) for name in KNOWN_WORDS}


def _balance_table(
    session: Session, wish: BalanceWish, words: Words
) -> tuple[list[str], list[list[Cell]]]:
    parts = balance_report.read_report(session, wish)
    found = {kind for part in parts for kind in part.kinds}
    kinds = [kind for kind in balance_report.KINDS if kind in found]
    kinds += sorted(found - set(kinds))
    is_client = wish.group == "client"
    headings = [
        _say(words, "currency"),
        *([_say(words, "client_id")] if is_client else []),
        _say(words, wish.group),
        _say(words, "opening"),
        *(_say(words, kind) for kind in kinds),
        _say(words, "moved"),
        _say(words, "closing"),
    ]
    rows: list[list[Cell]] = []
    for part in parts:
        for row in (*part.rows, part.total):
            is_total = row is part.total
            name: Cell = _say(words, "total") if is_total else _name(wish, row, words)
            client_id: list[Cell] = [int(row.key) if row.key else None] if is_client else []
            rows.append(
                [
                    part.currency,
                    *client_id,
                    name,
                    row.opening,
                    *(row.movements.get(kind, Decimal()) for kind in kinds),
                    row.moved,
                    row.closing,
                ]
            )
    return headings, rows


def _name(wish: BalanceWish, row: balance_report.Row, words: Words) -> Cell:
    if wish.group in ("day", "month"):
        return date.fromisoformat(row.key)
    return row.name if row.key else _say(words, "no_account")


def _aging_table(
    session: Session, wish: AgingWish, words: Words
) -> tuple[list[str], list[list[Cell]]]:
    names = ("currency", "client_id", "client", *BUCKETS, "total", "invoices")
    rows: list[list[Cell]] = []
    for part in aging.read_aging(session, wish):
        for row in (*part.rows, part.total):
            is_total = row is part.total
            rows.append(
                [
                    part.currency,
                    None if is_total else row.client_id,
                    _say(words, "total") if is_total else row.client_name,
                    *(row.amounts.get(name, Decimal()) for name in BUCKETS),
                    row.total,
                    row.invoices,
                ]
            )
    return [_say(words, name) for name in names], rows


def _say(words: Words, name: str) -> str:
    return words.get(name) or name.replace("_", " ")
