"""The Clients list's cells: texts and attributes of each, ready to be printed.

This is the page that is opened most. What is the same in every row (words, addresses, icons) is
made once a request, a cell is two strings, and the icons of a row are one text in which only the
client's id is put in.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup, escape

from portal import formatting
from portal.listing import url_pattern
from portal.office.client_columns import Column
from portal.office.words import tone, word
from portal.viewer import current_viewer

Cell = tuple[Markup, str]
Draw = Callable[[Any], Cell]
# a text of more letters may be cut by its cell, so it stands in the title too
_MAY_BE_CUT = 22
_SHOWN_TAGS = 2
ROLES = {
    "orig": (_l("Orig"), _l("Originator: it sends calls to us")),
    "term": (_l("Term"), _l("Terminator: we send calls to it")),
    "orig_term": (_l("Orig/Term"), _l("Originator and terminator")),
}


@dataclass(frozen=True, slots=True)
class Action:
    """One icon of a row. `behind` names the flag of the row that colours it, "*" always does."""

    icon: str
    label: Any
    endpoint: str
    argument: str
    permission: str
    behind: str = ""
    is_dialog: bool = False


# those whose endpoint does not exist are left out: no icon leads nowhere
ACTIONS: Sequence[Action] = (
    Action("packages", _l("Subscriptions"), "office_subscriptions.index", "client",
           "subscriptions:read", "has_subscriptions"),
    Action("transactions", _l("Transactions"), "office_transactions.index", "client",
           "transactions:read", "has_transactions"),
    Action("invoices", _l("Invoices"), "office_invoices.index", "client", "invoices:read",
           "has_invoices"),
    Action("refills", _l("Refills"), "office_refills.index", "client", "payments:read",
           "has_refills"),
    Action("report", _l("Balance report"), "office_balance_report.index", "client",
           "transactions:read", "has_transactions"),
    Action("mail", _l("Mail queue"), "office_mail.index", "client", "mail:read", "has_mails"),
    Action("audit", _l("Audit log"), "office_audit.index", "client", "audit:read", "*"),
    Action("panel", _l("Sign in as this client"), "office_sign_in_as.client", "client_id",
           "clients:execute", "has_panel", is_dialog=True),
    Action("edit", _l("Edit"), "office_clients.edit", "client_id", "clients:write",
           is_dialog=True),
    Action("delete", _l("Delete"), "office_clients.delete", "client_id", "clients:write",
           is_dialog=True),
)  # fmt: skip


def shown_actions() -> list[Action]:
    """Those that exist here and that the viewer's role includes."""
    viewer, views = current_viewer(), current_app.view_functions
    return [one for one in ACTIONS if one.endpoint in views and viewer.may(one.permission)]


def flags_of(actions: Iterable[Action]) -> list[str]:
    """What has to be known of each row to colour its icons."""
    return [one.behind for one in actions if one.behind not in ("", "*")]


class Icons:
    """The icons of a row: drawn once for each set of flags that occurs, then only filled in."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._flags = flags_of(actions)
        self._actions = actions
        self._drawn: dict[tuple[bool, ...], str] = {}

    def of(self, row: Any) -> Markup:  # noqa: ANN401 (a row of any query)
        flags = tuple([getattr(row, name) for name in self._flags])
        drawn = self._drawn.get(flags)
        if drawn is None:
            drawn = self._drawn[flags] = self._draw(dict(zip(self._flags, flags, strict=True)))
        return Markup(drawn.replace("%d", str(row.id)))  # noqa: S704 (ours, with a number in it)

    def _draw(self, flags: dict[str, bool]) -> str:
        return "".join(
            _icon(one, is_set=flags.get(one.behind, one.behind == "*")) for one in self._actions
        )


def _icon(action: Action, *, is_set: bool) -> str:
    css = f"ri ri-{action.icon}{' is-set' if is_set else ''}"
    # the pattern doubles per cent signs for a formatting that is not done here
    href = url_pattern(action.endpoint, action.argument).replace("%%", "%")
    dialog = Markup(' hx-get="{}" hx-target="#dialog-content" hx-swap="innerHTML"').format(href)
    return str(
        Markup('<a class="{}" href="{}" title="{}"{}></a>').format(
            css, href, action.label, dialog if action.is_dialog else ""
        )
    )


def draw_rows(
    rows: Iterable[Any], columns: Sequence[Column], actions: Sequence[Action], *, may_pick: bool
) -> list[tuple[str, list[Cell], Markup]]:
    """For each row the box that picks it, its cells in the order of `columns`, and its icons."""
    # the currency is said once a row, at the first figure
    first = next((one for one in columns if one.kind == "amount"), None)
    draws = [
        _amount(one, with_currency=True) if one is first else _DRAWERS[one.kind](one)
        for one in columns
    ]
    icons = Icons(actions)
    pick = _pick() if may_pick else lambda row: ""
    return [(pick(row), [draw(row) for draw in draws], icons.of(row)) for row in rows]


def _pick() -> Callable[[Any], str]:
    box = Markup(
        '<td class="cell-pick"><input type="checkbox" name="pick" form="bulk" value="%d"'
        ' aria-label="{}"></td>'
    ).format(_("Select %(name)s", name="%s"))
    before, between, after = re.split("%d|%s", box)

    def draw(row: Any) -> Markup:  # noqa: ANN401 (a row of any query)
        return Markup(f"{before}{row.id}{between}{escape(row.name)}{after}")  # noqa: S704 (escaped)

    return draw


def _attributes(column: Column, css: str = "") -> Markup:
    label = Markup(' data-label="{}"').format(column.label)
    return label + Markup(' class="{}"').format(css) if css else label


def _amount(column: Column, *, with_currency: bool = False) -> Draw:
    plain = _attributes(column, "number")
    negative = _attributes(column, "number negative")
    unlimited = _attributes(column, "number unlimited")
    word_unlimited = escape(_("unlimited"))
    read, figure, exact = column.read, formatting.make_figures(), formatting.money_exact

    def draw(row: Any) -> Cell:  # noqa: ANN401 (a row of any query)
        amount: Decimal | None = read(row)
        if amount is None:
            if with_currency:
                return unlimited, word_unlimited + Markup(f" <small>{row.currency}</small>")  # noqa: S704
            return unlimited, word_unlimited
        text, is_whole = figure(amount, row.currency)
        attributes = negative if amount < 0 else plain
        if not is_whole:
            attributes += Markup(' title="{}"').format(exact(amount, row.currency))
        if with_currency:
            # figures and codes of currencies hold nothing to escape
            return attributes, Markup(f"{text} <small>{row.currency}</small>")  # noqa: S704
        return attributes, text

    return draw


def _text(column: Column) -> Draw:
    attributes, read = _attributes(column, "cut"), column.read

    def draw(row: Any) -> Cell:  # noqa: ANN401
        text: str = read(row)
        if len(text) > _MAY_BE_CUT:
            return attributes + Markup(' title="{}"').format(text), text
        return attributes, text

    return draw


def _id(column: Column) -> Draw:
    attributes = _attributes(column, "soft")
    return lambda row: (attributes, str(row.id))


def _name(column: Column) -> Draw:
    attributes = _attributes(column, "cell-title cell-name") + Markup(' role="rowheader"')
    link = Markup('<a href="{}">').format(url_pattern("office_clients.show", "client_id"))
    start, end = str(link).split("%d")
    badges = {
        key: Markup(' <span class="role role-{}" title="{}">{}</span>').format(key, title, label)
        for key, (label, title) in ROLES.items()
    }

    def draw(row: Any) -> Cell:  # noqa: ANN401
        name: str = row.name
        badge = badges.get(role_of(row), "")
        text = Markup(f"{start}{row.id}{end}{escape(name)}</a>{badge}")  # noqa: S704 (escaped)
        if len(name) > _MAY_BE_CUT:
            return attributes + Markup(' title="{}"').format(name), text
        return attributes, text

    return draw


def role_of(row: Any) -> str:  # noqa: ANN401
    """Which of ROLES a client has; "" for none."""
    if row.is_originator:
        return "orig_term" if row.is_terminator else "orig"
    return "term" if row.is_terminator else ""


def _tags(column: Column) -> Draw:
    attributes = _attributes(column, "nowrap")

    def draw(row: Any) -> Cell:  # noqa: ANN401
        names = sorted(column.read(row), key=str.casefold)
        if not names:
            return attributes, ""
        chips = [
            Markup('<span class="chip">{}</span>').format(name) for name in names[:_SHOWN_TAGS]
        ]
        if more := names[_SHOWN_TAGS:]:
            chips.append(
                Markup('<span class="chip" title="{}">+{}</span>').format(
                    ", ".join(more), len(more)
                )
            )
        return attributes, Markup("").join(chips)

    return draw


def _status(column: Column) -> Draw:
    attributes = _attributes(column)
    badges: dict[str, Markup] = {}

    def draw(row: Any) -> Cell:  # noqa: ANN401
        value = column.read(row)
        if value not in badges:
            badges[value] = Markup('<span class="badge-tone tone-{}">{}</span>').format(
                tone("client", value), word("client", value)
            )
        return attributes, badges[value]

    return draw


def _role(column: Column) -> Draw:
    attributes = _attributes(column)
    words = {key: str(label) for key, (label, _title) in ROLES.items()}
    return lambda row: (attributes, words.get(column.read(row), ""))


def _day(column: Column) -> Draw:
    attributes, never = _attributes(column, "nowrap"), _("never")

    def draw(row: Any) -> Cell:  # noqa: ANN401
        value: date | None = column.read(row)
        return attributes, never if value is None else formatting.day(value)

    return draw


def _instant(column: Column) -> Draw:
    attributes = _attributes(column, "nowrap")

    def draw(row: Any) -> Cell:  # noqa: ANN401
        value: datetime | None = column.read(row)
        return attributes, "" if value is None else formatting.instant(value)

    return draw


def _flag(column: Column) -> Draw:
    attributes, yes, no = _attributes(column), _("yes"), _("no")
    return lambda row: (attributes, yes if column.read(row) else no)


_DRAWERS: dict[str, Callable[[Column], Draw]] = {
    "id": _id,
    "text": lambda column: _name(column) if column.key == "name" else _text(column),
    "word": lambda column: _role(column) if column.key == "role" else _status(column),
    "amount": _amount,
    "day": _day,
    "instant": _instant,
    "flag": _flag,
    "tags": _tags,
}
