"""The figures that an automatic charge was computed from, in words."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from payments.dues import Why

# in the order of the computation
_AMOUNTS: dict[str, LazyString] = {
    "live": _l("Live"),
    "credit": _l("Credit allowed"),
    "available": _l("Available"),
    "on_its_way": _l("On its way already"),
    "extra_amount": _l("Extra amount"),
    "wanted": _l("Wanted"),
    "day_cap": _l("At most a day"),
    "taken_this_day": _l("Taken this day"),
    "month_cap": _l("At most a month"),
    "taken_this_month": _l("Taken this month"),
    "amount": _l("Charged"),
}


def describe_figures(figures: Mapping[str, Any]) -> list[tuple[str, Decimal | str]]:
    """Pairs of label and amount or word; what is not known here is left out."""
    found: list[tuple[str, Decimal | str]] = []
    why = str(figures.get("why", "")).upper()
    if why in Why.__members__:
        found.append((_("Why"), _(Why[why].value)))
    found += [
        (_("Open on %(number)s", number=invoice["number"]), Decimal(invoice["open"]))
        for invoice in figures.get("invoices", [])
    ]
    found += [
        (str(label), Decimal(figures[name])) for name, label in _AMOUNTS.items() if name in figures
    ]
    return found
