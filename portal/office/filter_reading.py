"""Reading filters out of an address: each kind of value once, with a message where it fails."""

from collections.abc import Sequence
from decimal import Decimal

from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from core.currencies import get_currency
from core.errors import InvalidInputError
from core.money import LEDGER_LIMIT, parse_amount
from portal.office.period import ANY_TIME, PeriodFilter, parse_period

MOST_VALUES = 100
_LARGEST_ID = 2**63 - 1
NO_SUCH_CHOICE = "Choose one of the list."


class Reader:
    """Values of `args` by name; `errors` and `typed` say what was wrong and what stood there."""

    def __init__(self, args: "MultiDict[str, str]") -> None:
        self.args = args
        self.errors: dict[str, str] = {}
        self.typed: dict[str, str] = {}

    def raw(self, name: str) -> str:
        """The first value, without the spaces around it."""
        return str(self.args.get(name, "")).strip()

    def text(self, name: str, limit: int) -> str:
        """Words to look for; none with an error for what no text of ours can hold."""
        value = " ".join(self.raw(name).split())
        if "\x00" in value or not value.isprintable():
            return self._refuse(name, _("This text has a character that nothing is called by."))
        if len(value) > limit:
            return self._refuse(name, _("Use at most %(count)s characters.", count=limit))
        return value

    def choice(self, name: str, options: Sequence[str], default: str) -> str:
        value = self.raw(name)
        if value in ("", default):
            return default
        if value not in options:
            self._refuse(name, _(NO_SUCH_CHOICE))
            return default
        return value

    def words(self, name: str, limit: int) -> tuple[str, ...]:
        """Names, given one by one or separated by commas; each once, whatever its case."""
        found = {word.casefold(): word for word in reversed(self._listed(name))}
        words = tuple(reversed(found.values()))
        if any(len(word) > limit or not word.isprintable() for word in words):
            self._refuse(name, _("Use at most %(count)s characters.", count=limit))
            return ()
        return self._bounded(name, words)

    def numbers(self, name: str, *, none: int | None = None) -> tuple[int, ...]:
        """Ids; a name after the id is for people (`12 – West`). "none" is `none` where allowed."""
        found = []
        for one in self._listed(name):
            digits = one.partition(" ")[0].removeprefix("#")
            if none is not None and one == "none":
                found.append(none)
            elif digits.isascii() and digits.isdecimal() and 0 < int(digits[:20]) <= _LARGEST_ID:
                found.append(int(digits))
            else:
                self._refuse(name, _("Choose from the list, or write an ID in digits."))
                return ()
        return self._bounded(name, tuple(dict.fromkeys(found)))

    def currencies(self, name: str) -> tuple[str, ...]:
        """ISO codes in any case; a currency's name may stand after its code."""
        codes = tuple(dict.fromkeys(one.split()[0].upper() for one in self._listed(name)))
        try:
            return self._bounded(name, tuple(get_currency(code).code for code in codes))
        except InvalidInputError as error:
            self._refuse(name, _(error.message))
            return ()

    def amounts(self, name: str) -> tuple[Decimal | None, Decimal | None]:
        """`name`_from and `name`_to, as people of the viewer's language write them."""
        low, high = self._amount(f"{name}_from"), self._amount(f"{name}_to")
        if low is not None and high is not None and low > high:
            self._refuse(f"{name}_from", _("The first amount is above the second one."))
            return None, None
        return low, high

    def period(self, name: str) -> PeriodFilter:
        """`name`, and for a custom one `name`_from and `name`_to."""
        first_on, last_on = self.raw(f"{name}_from"), self.raw(f"{name}_to")
        try:
            return parse_period(self.raw(name), first_on, last_on)
        except InvalidInputError as error:
            self._refuse(name, _(error.message))
            self.typed |= {f"{name}_from": first_on, f"{name}_to": last_on}
            return ANY_TIME

    def _amount(self, name: str) -> Decimal | None:
        text = self.raw(name)
        if not text:
            return None
        try:
            found = parse_amount(text, get_locale() or "en")
        except InvalidInputError as error:
            self._refuse(name, _(error.message))
            return None
        if abs(found) >= LEDGER_LIMIT:
            self._refuse(name, _("The amount is too large."))
            return None
        return found

    def _listed(self, name: str) -> list[str]:
        given = ",".join(str(one) for one in self.args.getlist(name))
        return [text for part in given.split(",") if (text := " ".join(part.split()))]

    def _bounded(self, name: str, values: tuple) -> tuple:  # type: ignore[type-arg]
        if len(values) > MOST_VALUES:
            self._refuse(name, _("Choose at most %(count)s.", count=MOST_VALUES))
            return ()
        return values

    def _refuse(self, name: str, message: str) -> str:
        self.errors[name] = message
        self.typed[name] = ", ".join(str(one) for one in self.args.getlist(name))[:300]
        return ""
