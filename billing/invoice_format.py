"""Writes amounts, dates and the invoice's own words for the reader of an invoice.

Every number is rounded half-up with our own digits before Babel prints it: Babel alone rounds
half-even and knows other minor digits than ISO 4217 for some currencies.
"""

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_interval, format_skeleton
from babel.numbers import NumberPattern, get_decimal_symbol, get_group_symbol, parse_pattern

from billing.invoice_pdf import InvoiceLabels
from core.currencies import get_currency
from core.errors import InvalidInputError
from core.money import LEDGER_PLACES, ROUNDING, round_amount

RATE_PLACES = 10
QUANTITY_PLACES = 6
PERCENT_PLACES = 6

Translate = Callable[[str], str]

# CLDR separates a currency sign that ends in a letter (IQD 12) from its number; Babel does not.
_LETTER_BESIDE_DIGIT = re.compile(r"(?<=[^\W\d_])(?=[-\u2212]?\d)|(?<=\d)(?=[^\W\d_])")


_BARE_MINUS = re.compile(r"(?<!\u200e)-(?=\d)")


def _needed_places(amount: Decimal) -> int:
    return max(0, -int(amount.normalize(ROUNDING).as_tuple().exponent)) if amount else 0


@dataclass(frozen=True, slots=True)
class InvoiceFormatter:
    """Prints for one `locale` (such as de or pt_BR) in one `currency`.

    InvalidInputError for a locale or currency that does not exist.
    """

    locale: Locale
    currency: str
    minor_digits: int
    total_places: int
    rate_places: int = RATE_PLACES

    @classmethod
    def create(
        cls,
        locale: str,
        currency: str,
        *,
        total_places: int | None = None,
        rate_places: int | None = None,
    ) -> "InvoiceFormatter":
        """The formatter of a locale's name and a currency's code.

        `total_places` are the least decimals of what is paid, by default the currency's own;
        `rate_places` the most of a price.
        """
        try:
            parsed = Locale.parse(locale.replace("-", "_"))
        except (UnknownLocaleError, ValueError):
            raise InvalidInputError("There is no such language.", field="locale") from None
        minor = get_currency(currency).minor_digits
        return cls(
            parsed,
            currency,
            minor,
            minor if total_places is None else min(total_places, minor),
            RATE_PLACES if rate_places is None else rate_places,
        )

    def amount(self, amount: Decimal) -> str:
        """What is paid, with its currency sign, rounded to the minor digits: €1,234.50.

        With fewer where totals have fewer and it needs no more.
        """
        fewer = round_amount(amount, self.total_places) == round_amount(amount, self.minor_digits)
        places = self.total_places if fewer else self.minor_digits
        return self._currency(amount, places, places)

    def exact_amount(self, amount: Decimal) -> str:
        """A sum, tax or rounding with its currency sign, and six places where it has them."""
        return self._currency(amount, self.total_places, LEDGER_PLACES)

    def column(self, amounts: Sequence[Decimal]) -> list[str]:
        """The amounts of a column without sign, all with the decimals that the finest needs.

        Those of a total at least, six places at most; so the points stand below each other and what
        is printed adds up to the sum below it.
        """
        rounded = [round_amount(amount, LEDGER_PLACES) for amount in amounts]
        places = max((_needed_places(amount) for amount in rounded), default=0)
        places = max(places, self.total_places)
        return [self._number(amount, places, places) for amount in rounded]

    def rate(self, rate: Decimal) -> str:
        """A unit price: the decimals of a total at least, those of rates where it has them."""
        least = min(self.total_places, self.rate_places)
        return self._number(rate, least, self.rate_places)

    def quantity(self, quantity: Decimal, unit: str = "") -> str:
        """A quantity with its unit, for instance 1,204.5 min; up to six places."""
        number = self._number(quantity, 0, QUANTITY_PLACES)
        return f"{number}\u00a0{unit}" if unit else number

    def percent(self, percent: Decimal) -> str:
        """A tax rate given in percent: 19 is printed 19%, or 19 % where that is the custom."""
        pattern = parse_pattern(self.locale.percent_formats[None].pattern)
        fraction = percent.scaleb(-2)  # the pattern itself multiplies by 100
        return self._print(pattern, fraction, 0, PERCENT_PLACES, stored_places=PERCENT_PLACES + 2)

    def day(self, day: date) -> str:
        """A date with the month in words, so that nobody takes the day for the month."""
        return format_date(day, format="long", locale=self.locale)

    def short_day(self, day: date) -> str:
        """A date for a column; the month in words here too."""
        return format_skeleton("yMMMd", day, locale=self.locale)

    def period(self, first_on: date, last_on: date, zone: ZoneInfo) -> str:
        """The days of a period, both included, and on a second line the zone they are days of."""
        days = format_interval(first_on, last_on, skeleton="yMMMd", locale=self.locale)
        return f"{days}\n{zone.key}"

    def _currency(self, amount: Decimal, min_places: int, max_places: int) -> str:
        pattern = parse_pattern(self.locale.currency_formats["standard"].pattern)
        printed = self._print(pattern, amount, min_places, max_places)
        return _LETTER_BESIDE_DIGIT.sub("\u00a0", printed)

    def _number(self, value: Decimal, min_places: int, max_places: int) -> str:
        printed = _PlainNumbers.of(self.locale).write(round_amount(value, max_places), min_places)
        return self._in_direction(printed)

    def _print(
        self,
        pattern: NumberPattern,
        value: Decimal,
        min_places: int,
        max_places: int,
        *,
        stored_places: int | None = None,
    ) -> str:
        pattern = copy.copy(pattern)
        pattern.frac_prec = (min_places, max_places)
        rounded = round_amount(value, max_places if stored_places is None else stored_places)
        return self._in_direction(
            str(pattern.apply(rounded, self.locale, currency=self.currency, currency_digits=False))
        )

    def _in_direction(self, printed: str) -> str:
        if self.locale.text_direction == "rtl":
            # A mark keeps the minus on the left of its digits, where CLDR wants it; without it
            # the line's direction carries it to the right: 20.00-.
            printed = _BARE_MINUS.sub("\u200e-", printed)
        return printed


@dataclass(frozen=True, slots=True)
class _PlainNumbers:
    """How a locale groups the digits of a number without a sign of currency.

    Babel looks its symbols up for every number anew, which is most of the time that a long
    invoice takes before it is drawn. Every locale's pattern is of this plain kind.
    """

    point: str
    comma: str
    first_group: int
    next_groups: int
    signs: tuple[str, str]

    @classmethod
    def of(cls, locale: Locale) -> "_PlainNumbers":
        return _read_plain_numbers(str(locale))

    def write(self, value: Decimal, min_places: int) -> str:
        """The digits that `value` has, at least `min_places` after the point."""
        whole, _, fraction = f"{value.copy_abs():f}".partition(".")
        groups: list[str] = []
        size = self.first_group
        while len(whole) > size:
            groups.insert(0, whole[-size:])
            whole, size = whole[:-size], self.next_groups
        fraction = fraction.rstrip("0").ljust(min_places, "0")
        number = self.comma.join((whole, *groups))
        sign = self.signs[value.is_signed()]
        return f"{sign}{number}{self.point}{fraction}" if fraction else f"{sign}{number}"


@cache
def _read_plain_numbers(name: str) -> _PlainNumbers:
    locale = Locale.parse(name)
    pattern = parse_pattern(locale.decimal_formats[None].pattern)
    return _PlainNumbers(
        get_decimal_symbol(locale), get_group_symbol(locale), *pattern.grouping, pattern.prefix
    )


@dataclass(frozen=True, slots=True)
class InvoiceWords:
    """The words outside the table: titles, labels of facts and sums, the button."""

    void: str
    void_since: str
    credit_note_number: str
    date: str
    of_invoice: str
    invoice: str
    credit_note: str
    invoice_number: str
    invoice_date: str
    due_date: str
    period: str
    currency: str
    amount_due: str
    amount_credited: str
    pay_by: str
    paid_in_full: str
    subtotal: str
    rounding: str
    total: str
    paid: str
    balance_before: str
    this_invoice: str
    balance_after: str
    pay_online: str


def invoice_labels(_: Translate) -> InvoiceLabels:
    """The table's and sections' words through `_`, the reader's gettext."""
    return InvoiceLabels(
        seller=_("From"),
        buyer=_("Bill to"),
        description=_("Description"),
        quantity=_("Quantity"),
        unit_price=_("Unit price"),
        net=_("Amount"),
        gross=_("With tax"),
        tax=_("Tax"),
        tax_rate=_("Rate"),
        tax_base=_("On"),
        tax_amount=_("Amount"),
        how_to_pay=_("How to pay"),
        account=_("Your account"),
        notes=_("Notes"),
        in_words=_("Amount in words"),
        page_of=_("Page {page} of {pages}"),
    )


def invoice_words(_: Translate) -> InvoiceWords:
    """The other words through `_`, the reader's gettext."""
    return InvoiceWords(
        void=_("Void"),
        void_since=_("Void since"),
        credit_note_number=_("Credit note number"),
        date=_("Date"),
        of_invoice=_("For invoice"),
        invoice=_("Invoice"),
        credit_note=_("Credit note"),
        invoice_number=_("Invoice number"),
        invoice_date=_("Invoice date"),
        due_date=_("Due date"),
        period=_("Period"),
        currency=_("Currency"),
        amount_due=_("Amount due"),
        amount_credited=_("Amount credited"),
        pay_by=_("Please pay by"),
        paid_in_full=_("Paid in full"),
        subtotal=_("Subtotal"),
        rounding=_("Rounding"),
        total=_("Total"),
        paid=_("Paid"),
        balance_before=_("Balance before"),
        this_invoice=_("This invoice"),
        balance_after=_("Balance after"),
        pay_online=_("Pay online"),
    )
