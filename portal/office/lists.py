"""The lists whose columns, density and views people may choose, and how a person sees one now.

A list that joins in gives its columns and how its address is read here, calls `read_layout` in its
view, and draws `components/views.html` above its table. Whoever may read a list may keep views of
their own; a view of the whole tenant changes what colleagues see, so it needs the list's right to
write, or that of the settings.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import url_for
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from core.db import Session
from core.errors import NotFoundError
from portal.office import client_columns
from portal.office.client_search import parse_filters
from portal.viewer import current_viewer
from tenants import list_views
from tenants.list_models import ListView
from tenants.list_views import Look, SeenView
from tenants.permissions import Permission


@dataclass(frozen=True, slots=True)
class ListKind:
    """One list. `columns` are pairs of key and label; `clean` makes its address canonical."""

    key: str
    title: LazyString
    endpoint: str
    changed: str
    read: Permission
    share: Permission
    columns: Sequence[tuple[str, LazyString]]
    usual: Sequence[str]
    fixed: Sequence[str]
    clean: Callable[[Mapping[str, Any]], str]

    def known(self, keys: Sequence[str]) -> tuple[str, ...]:
        """Those of `keys` that are columns of the list, each once, the fixed ones always."""
        every = {key for key, _label in self.columns}
        found = [key for key in dict.fromkeys(keys) if key in every]
        return (*(one for one in self.fixed if one not in found), *found)


@dataclass(frozen=True, slots=True)
class ViewTab:
    """A view as the list shows it."""

    id: UUID
    name: str
    is_shared: bool
    href: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """How the person sees the list in this request; `current` is the view that is chosen."""

    kind: ListKind
    columns: tuple[str, ...]
    density: str
    tabs: Sequence[ViewTab]
    current: SeenView | None
    is_person: bool

    @property
    def href(self) -> str:
        """The list as it is without any view."""
        return url_for(self.kind.endpoint)

    def is_changed(self, query: str) -> bool:
        """Whether the address asks for something else than the chosen view."""
        return self.current is not None and self.current.query != query

    def may_change(self) -> bool:
        return self.current is not None and may_change(self.kind, self.current)


LISTS: dict[str, ListKind] = {
    "clients": ListKind(
        key="clients",
        title=_l("Clients"),
        endpoint="office_clients.index",
        changed="clients-changed",
        read=Permission.CLIENTS_READ,
        share=Permission.CLIENTS_WRITE,
        columns=tuple((one.key, one.label) for one in client_columns.list_columns()),
        usual=client_columns.DEFAULT_KEYS,
        fixed=("name",),
        clean=lambda args: parse_filters(args).to_query(),
    )
}


def get_list(key: str) -> ListKind:
    """Raises NotFoundError for a list that has no views, or that the person may not read."""
    kind = LISTS.get(key)
    if kind is None or not current_viewer().may(kind.read):
        raise NotFoundError
    return kind


def may_share(kind: ListKind) -> bool:
    viewer = current_viewer()
    return viewer.may(kind.share) or viewer.may(Permission.SETTINGS_WRITE)


def may_change(kind: ListKind, view: ListView | SeenView) -> bool:
    """One's own view, and a shared one as whoever may share."""
    return may_share(kind) if view.is_shared else view.user_id == list_views.current_user_id()


def read_layout(session: Session, kind: ListKind, chosen: str) -> Layout:
    """`chosen` is the view that the address names; one that is not there is nobody's view."""
    found = list_views.list_views(session, kind.key)
    mine = next((one for one in found if not one.name and is_own(one)), None)
    named = [one for one in found if one.name]
    current = next((one for one in named if str(one.id) == chosen), None)
    look = current or mine
    return Layout(
        kind=kind,
        columns=kind.known(look.columns if look and look.columns else kind.usual),
        density=look.density if look else "normal",
        tabs=[_tab(kind, one, current) for one in named],
        current=current,
        is_person=list_views.current_user_id() is not None,
    )


def is_own(view: SeenView) -> bool:
    return view.user_id == list_views.current_user_id()


def look_of(layout: Layout) -> Look:
    return Look(layout.columns, layout.density)


def view_address(kind: ListKind, view_id: UUID, query: str) -> str:
    """The list with the filters of a view, and the view named for its columns."""
    here = url_for(kind.endpoint, view=view_id)
    return f"{here}&{query}" if query else here


def _tab(kind: ListKind, view: SeenView, current: SeenView | None) -> ViewTab:
    address = view_address(kind, view.id, view.query)
    return ViewTab(view.id, view.name, view.is_shared, address, view is current)
