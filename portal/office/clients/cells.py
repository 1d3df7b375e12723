"""The rows of the Clients list, drawn without a template.

This is the page that is opened most: five hundred cells and as many icons, for which a template
costs more than the query (`docs/decisions/0015-rows-drawn-in-python.md`). What is the same in
every row (words, addresses, icons) is made once a request; a cell is one format string. Whatever
comes from the database is escaped where it is put in, figures and ids excepted.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import current_app, request
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup, escape

from portal import formatting
from portal.listing import url_pattern
from portal.office.client_columns import Column, split_tags
from portal.office.words import tone, word
from portal.viewer import current_viewer
from tenants.models import CLIENT_STATUSES

Draw = Callable[[Any], str]
# a text of more letters may be cut by its cell, so it stands in the title too
_MAY_BE_CUT = 22
_SHOWN_TAGS = 2
_MOST_DRAWERS = 300
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
    Action("packages", _l("Subscriptions"), "office_clients.packages", "client_id",
           "packages:read", "has_subscriptions"),
    Action("transactions", _l("Transactions"), "office_transactions.index", "client",
           "transactions:read", "has_transactions"),
    Action("invoices", _l("Invoices"), "office_invoices.index", "client", "invoices:read",
           "has_invoices"),
    Action("refills", _l("Refills"), "office_refills.index", "client", "payments:read",
           "has_refills"),
    Action("report", _l("Balance report"), "office_reports.balance", "client",
           "reports:read", "has_transactions"),
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
        self._always = [one.behind == "*" for one in actions]
        self._behind = [one.behind for one in actions]
        self._both = [(_icon(one, is_set=False), _icon(one, is_set=True)) for one in actions]
        self._drawn: dict[tuple[bool, ...], str] = {}

    def of(self, row: Any) -> str:  # noqa: ANN401 (a row of any query)
        flags = tuple([getattr(row, name) for name in self._flags])
        drawn = self._drawn.get(flags)
        if drawn is None:
            known = {**dict(zip(self._flags, flags, strict=True)), "*": True}
            drawn = self._drawn[flags] = "".join(
                both[known.get(name, False)]
                for both, name in zip(self._both, self._behind, strict=True)
            )
        return drawn.replace("%d", str(row.id))


def _icon(action: Action, *, is_set: bool) -> str:
    css = f"ri ri-{action.icon}{' is-set' if is_set else ''}"
    # the pattern doubles per cent signs for a formatting that is not done here
    href = url_pattern(action.endpoint, action.argument).replace("%%", "%")
    dialog = " data-dialog" if action.is_dialog else ""
    return f'<a class="{css}" href="{escape(href)}" title="{escape(action.label)}"{dialog}></a>'


@dataclass(frozen=True, slots=True)
class Drawer:
    """What draws the rows for one choice of columns and rights in one language, and its heads."""

    heads: Sequence[dict[str, Any]]
    draws: Sequence[Draw]
    icons: Icons

    def rows(self, rows: Iterable[Any]) -> Markup:
        """The rows of the table: a box to pick it, the cells in their order, the icons."""
        draws, icons = self.draws, self.icons.of
        drawn = [
            f"<tr>{''.join([draw(row) for draw in draws])}"
            f'<td class="cell-actions">{icons(row)}</td></tr>'
            for row in rows
        ]
        return Markup("\n".join(drawn))  # noqa: S704 (each cell escapes what is not ours)


def get_drawer(columns: Sequence[Column], actions: Sequence[Action], *, may_pick: bool) -> Drawer:
    """Made once: its words, addresses and patterns are the same for everybody of one language."""
    known: dict[object, Drawer] = current_app.extensions.setdefault("client_rows", {})
    shown = (tuple(one.key for one in columns), tuple(one.endpoint for one in actions))
    key = (str(get_locale()), request.script_root, may_pick, *shown)
    if key not in known:
        if len(known) >= _MOST_DRAWERS:
            known.clear()
        known[key] = _make_drawer(columns, actions, may_pick=may_pick)
    return known[key]


def _make_drawer(columns: Sequence[Column], actions: Sequence[Action], *, may_pick: bool) -> Drawer:
    # the currency is said once a row, at the first figure
    first = next((one for one in columns if one.kind == "amount"), None)
    draws = [
        _amount(one, with_currency=True) if one is first else _DRAWERS[one.kind](one)
        for one in columns
    ]
    heads: list[dict[str, Any]] = [
        {
            "label": str(one.label),
            "sort": one.sort,
            "end": one.kind == "amount",
            "title": str(one.title or ""),
        }
        for one in columns
    ]
    if may_pick:
        draws.insert(0, _pick())
        heads.insert(0, {"label": _("Select"), "pick": True})
    heads.append({"label": _("Actions"), "hidden": True})
    return Drawer(heads, draws, Icons(actions))


def _pick() -> Draw:
    box = (
        '<td class="cell-pick"><input type="checkbox" name="pick" form="bulk" value="%d"'
        f' aria-label="{escape(_("Select %(name)s", name="%s"))}"></td>'
    )
    before, between, after = re.split("%d|%s", box)
    return lambda row: f"{before}{row.id}{between}{escape(row.name)}{after}"


def _open(column: Column, css: str = "", more: str = "") -> str:
    """The start of a cell without its last sign, so that a title may follow."""
    about = f' class="{css}"' if css else ""
    return f'<td data-label="{escape(column.label)}"{about}{more}'


def _titled(text: str) -> str:
    """A text that may be cut by its cell stands in the title too."""
    return f' title="{escape(text)}"' if len(text) > _MAY_BE_CUT else ""


def _amount(column: Column, *, with_currency: bool = False) -> Draw:
    plain, negative = _open(column, "number"), _open(column, "number negative")
    unlimited = f"{_open(column, 'number unlimited')}>{escape(_('unlimited'))}"
    read, figure, exact = column.read, formatting.make_figures(), formatting.money_exact

    def draw(row: Any) -> str:  # noqa: ANN401 (a row of any query)
        amount: Decimal | None = read(row)
        # figures and codes of currencies hold nothing to escape
        currency = f" <small>{row.currency}</small>" if with_currency else ""
        if amount is None:
            return f"{unlimited}{currency}</td>"
        text, is_whole = figure(amount, row.currency)
        start = negative if amount < 0 else plain
        title = "" if is_whole else f' title="{escape(exact(amount, row.currency))}"'
        return f"{start}{title}>{text}{currency}</td>"

    return draw


def _text(column: Column) -> Draw:
    start, read = _open(column, "cut"), column.read

    def draw(row: Any) -> str:  # noqa: ANN401
        text: str = read(row)
        return f"{start}{_titled(text)}>{escape(text)}</td>"

    return draw


def _id(column: Column) -> Draw:
    start = _open(column, "soft")
    return lambda row: f"{start}>{row.id}</td>"


def _name(column: Column) -> Draw:
    start = _open(column, "cell-title cell-name", ' role="rowheader"')
    before, after = url_pattern("office_clients.show", "client_id").split("%d")
    badges = {
        key: f'<span class="role role-{key}" title="{escape(title)}">{escape(label)}</span>'
        for key, (label, title) in ROLES.items()
    }

    def draw(row: Any) -> str:  # noqa: ANN401
        link = f'<a href="{before}{row.id}{after}">{escape(row.name)}</a>'
        return f"{start}{_titled(row.name)}>{link} {badges.get(role_of(row), '')}</td>"

    return draw


def role_of(row: Any) -> str:  # noqa: ANN401
    """Which of ROLES a client has; "" for none."""
    if row.is_originator:
        return "orig_term" if row.is_terminator else "orig"
    return "term" if row.is_terminator else ""


def _tags(column: Column) -> Draw:
    start = _open(column, "nowrap")

    def draw(row: Any) -> str:  # noqa: ANN401
        if not row.tags:
            return f"{start}></td>"
        tags = split_tags(row)
        chips = [
            f'<span class="chip{f" tag-{color}" if color else ""}">{escape(name)}</span>'
            for name, color in tags[:_SHOWN_TAGS]
        ]
        if more := tags[_SHOWN_TAGS:]:
            title = escape(", ".join(name for name, _color in more))
            chips.append(f'<span class="chip" title="{title}">+{len(more)}</span>')
        return f"{start}>{''.join(chips)}</td>"

    return draw


def _status(column: Column) -> Draw:
    start = _open(column)
    words = {
        value: f'<span class="badge-tone tone-{tone("client", value)}">'
        f"{escape(word('client', value))}</span>"
        for value in CLIENT_STATUSES
    }
    return lambda row: f"{start}>{words[column.read(row)]}</td>"


def _role(column: Column) -> Draw:
    start = _open(column)
    words = {"": "", **{key: str(escape(label)) for key, (label, _title) in ROLES.items()}}
    return lambda row: f"{start}>{words[column.read(row)]}</td>"


def _day(column: Column) -> Draw:
    start, never = _open(column, "nowrap"), _("never")

    def draw(row: Any) -> str:  # noqa: ANN401
        value: date | None = column.read(row)
        return f"{start}>{escape(never if value is None else formatting.day(value))}</td>"

    return draw


def _instant(column: Column) -> Draw:
    start = _open(column, "nowrap")

    def draw(row: Any) -> str:  # noqa: ANN401
        value: datetime = column.read(row)
        return f"{start}>{escape(formatting.instant(value))}</td>"

    return draw


def _flag(column: Column) -> Draw:
    start, yes, no = _open(column), escape(_("yes")), escape(_("no"))
    return lambda row: f"{start}>{yes if column.read(row) else no}</td>"


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
