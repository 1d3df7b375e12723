"""The row of tabs over invoices and credit notes."""

from collections.abc import Sequence

from flask import url_for
from flask_babel import gettext as _

from portal.panel.invoices import queries


def make_tabs(current: str) -> Sequence[dict[str, object]]:
    """One tab for each of `queries.PAID`, then the credit notes (`credit_notes`)."""
    words = {"all": _("All"), "open": _("Open"), "paid": _("Paid")}
    found: list[dict[str, object]] = [
        {
            "label": words[name],
            "href": url_for(".index", paid=None if name == "all" else name),
            "current": current == name,
        }
        for name in queries.PAID
    ]
    return [
        *found,
        {
            "label": _("Credit notes"),
            "href": url_for(".credit_notes"),
            "current": current == "credit_notes",
        },
    ]
