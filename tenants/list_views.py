"""Views of lists: how a person sees one, and searches kept under a name, alone or for the tenant.

A view belongs to the reseller of the person; staff of a reseller above it do not see it. What a
view shows is decided by the list itself: a view is words, and gives no right to read anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Text, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from core.db import Session
from core.errors import ConflictError, InvalidInputError, LimitError, NotFoundError
from core.ids import new_id
from core.tenancy import current_actor, current_scope
from tenants import audit
from tenants.list_models import DENSITIES, ListView

NAME_LENGTH = 60
QUERY_LENGTH = 4000
MOST_VIEWS = 50
"""Of one person, and shared in one tenant, for each list."""


@dataclass(frozen=True, slots=True)
class Look:
    """Which columns in which order (empty: the usual ones), and how much room a row has."""

    columns: tuple[str, ...] = ()
    density: str = "normal"


def current_user_id() -> int | None:
    """The user of the reseller that acts; None for anybody else, who has no views of their own."""
    actor = current_actor()
    return actor.id if actor.kind == "user" else None


@dataclass(frozen=True, slots=True)
class SeenView:
    """A view as its list reads it; without a name it is how its user sees the list."""

    id: UUID
    user_id: int
    name: str
    is_shared: bool
    query: str
    columns: Sequence[str]
    density: str


# put together once: every page of a list asks it
_SEEN = (
    select(
        ListView.id,
        ListView.user_id,
        ListView.name,
        ListView.is_shared,
        ListView.query,
        ListView.columns,
        ListView.density,
    )
    .where(
        ListView.reseller_id == bindparam("reseller_id", type_=BigInteger()),
        ListView.list_key == bindparam("list_key", type_=Text()),
        or_(ListView.user_id == bindparam("user_id", type_=BigInteger()), ListView.is_shared),
    )
    .order_by(ListView.name != "", func.lower(ListView.name), ListView.id)
    .limit(2 * MOST_VIEWS + 1)
)


def list_views(session: Session, list_key: str) -> list[SeenView]:
    """Those that the person may see, those without a name first, then by name."""
    about = {
        "reseller_id": current_scope().home_reseller_id,
        "list_key": list_key,
        "user_id": current_user_id(),
    }
    return [SeenView(*row) for row in session.execute(_SEEN, about)]


def get_view(session: Session, view_id: UUID) -> ListView:
    """One with a name; raises NotFoundError, also for another person's own."""
    view: ListView | None = session.scalar(
        select(ListView).where(ListView.id == view_id, ListView.name != "", *_mine_or_shared())
    )
    if view is None:
        raise NotFoundError("This view does not exist any more.")
    return view


def save_look(session: Session, *, list_key: str, look: Look) -> None:
    """How the person sees the list from now on; raises InvalidInputError for a strange density."""
    user_id = _require_user()
    values = {"columns": list(look.columns), "density": _checked_density(look.density)}
    session.execute(
        insert(ListView)
        .values(
            id=new_id(),
            reseller_id=current_scope().home_reseller_id,
            user_id=user_id,
            list_key=list_key,
            **values,
        )
        .on_conflict_do_update(
            index_elements=["reseller_id", "list_key", "user_id", func.lower(ListView.name)],
            set_=values,
        )
    )


def create_view(
    session: Session,
    *,
    view_id: UUID,
    list_key: str,
    name: str,
    query: str,
    look: Look,
    is_shared: bool,
) -> ListView:
    """Made twice it is the same view. Raises InvalidInputError, LimitError."""
    user_id = _require_user()
    known: ListView | None = session.scalar(
        select(ListView).where(ListView.id == view_id, *_mine_or_shared())
    )
    if known is not None:
        return known
    clean = _checked_name(session, list_key, name, but=None)
    _check_room(session, list_key, user_id)
    view = ListView(
        id=view_id,
        reseller_id=current_scope().home_reseller_id,
        user_id=user_id,
        list_key=list_key,
        name=clean,
        is_shared=is_shared,
        query=_checked_query(query),
        columns=list(look.columns),
        density=_checked_density(look.density),
    )
    session.add(view)
    session.flush()
    if is_shared:
        _record(session, view, "create", {"name": (None, clean), "query": (None, view.query)})
    return view


def update_view(
    session: Session,
    view: ListView,
    *,
    version: int,
    name: str | None = None,
    query: str | None = None,
    look: Look | None = None,
    is_shared: bool | None = None,
) -> ListView:
    """What is None stays. Raises InvalidInputError; ConflictError when it was changed since."""
    if view.version != version:
        raise ConflictError("Somebody has changed this view meanwhile. Load the page anew.")
    after: dict[str, object] = {}
    if name is not None:
        after["name"] = _checked_name(session, view.list_key, name, but=view)
    if query is not None:
        after["query"] = _checked_query(query)
    if look is not None:
        after |= {"columns": list(look.columns), "density": _checked_density(look.density)}
    if is_shared is not None:
        after["is_shared"] = is_shared
    before = {field: getattr(view, field) for field in after}
    changes = audit.differences(before, after)
    was_shared = view.is_shared
    if changes:
        for field, value in after.items():
            setattr(view, field, value)
        view.version += 1
        session.flush()
    if changes and (view.is_shared or was_shared):
        _record(session, view, "update", changes)
    return view


def delete_view(session: Session, view: ListView) -> None:
    session.delete(view)
    session.flush()
    if view.is_shared:
        _record(session, view, "delete", {"name": (view.name, None), "query": (view.query, None)})


def _mine_or_shared() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    mine = or_(ListView.user_id == current_user_id(), ListView.is_shared)
    return ListView.reseller_id == current_scope().home_reseller_id, mine


def _require_user() -> int:
    user_id = current_user_id()
    if user_id is None:
        raise InvalidInputError("Only users of this reseller have views of their own.")
    return user_id


def _checked_name(session: Session, list_key: str, name: str, *, but: ListView | None) -> str:
    clean = " ".join(name.split())
    if not clean:
        raise InvalidInputError("Enter a name.", "name")
    if len(clean) > NAME_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "name", count=NAME_LENGTH)
    taken = select(ListView.id).where(
        *_mine_or_shared(),
        ListView.list_key == list_key,
        func.lower(ListView.name) == func.lower(clean),
    )
    if but is not None:
        taken = taken.where(ListView.id != but.id)
    if session.scalar(taken.limit(1)) is not None:
        raise InvalidInputError("There is a view of this name already.", "name")
    return clean


def _check_room(session: Session, list_key: str, user_id: int) -> None:
    count = session.scalar(
        select(func.count())
        .select_from(ListView)
        .where(
            ListView.reseller_id == current_scope().home_reseller_id,
            ListView.list_key == list_key,
            ListView.user_id == user_id,
        )
    )
    if (count or 0) > MOST_VIEWS:
        raise LimitError("You have as many views of this list as there can be. Delete one first.")


def _checked_query(query: str) -> str:
    if len(query) > QUERY_LENGTH or not query.isprintable():
        raise InvalidInputError("These filters are too long to be kept.", "name")
    return query


def _checked_density(density: str) -> str:
    if density not in DENSITIES:
        raise InvalidInputError("Choose how much room a row has.", "density")
    return density


def _record(
    session: Session, view: ListView, action: str, changes: Mapping[str, tuple[object, object]]
) -> None:
    """Only what the tenant shares: how a person likes a list is nobody's business."""
    audit.record(
        session,
        reseller_id=view.reseller_id,
        action=action,
        object_type="list_view",
        object_id=view.id,
        object_label=view.name,
        changes=changes,
    )
