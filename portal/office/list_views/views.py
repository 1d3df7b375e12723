"""Dialogs about a list: its columns and density, and searches kept under a name."""

from collections.abc import Sequence
from urllib.parse import parse_qsl
from uuid import UUID

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import MultiDict

from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotAllowedError
from core.ids import new_id
from core.uow import unit_of_work
from portal.access import NOT_IN_ROLE, office_view
from portal.fields import put_error
from portal.htmx import hx, render, wants_partial
from portal.office.form_ids import read_form_id
from portal.office.list_views.blueprint import bp
from portal.office.list_views.forms import ViewForm
from portal.office.lists import (
    Layout,
    ListKind,
    get_list,
    look_of,
    may_change,
    may_share,
    read_layout,
    view_address,
)
from portal.office.saved import saved
from tenants import list_views
from tenants.list_models import DENSITIES, ListView
from tenants.list_views import Look


@bp.get("/<list_key>/look")
@office_view(None)
def look(list_key: str) -> ResponseReturnValue:
    kind = get_list(list_key)
    with unit_of_work() as session:
        layout = read_layout(session, kind, request.args.get("view", ""))
    return _draw_look(layout, look_of(layout))


@bp.post("/<list_key>/look")
@office_view(None)
def save_look(list_key: str) -> ResponseReturnValue:
    """For the chosen view if one may change it, else for the person; or only a column moved."""
    kind = get_list(list_key)
    with unit_of_work() as session:
        layout = read_layout(session, kind, request.args.get("view", ""))
    wanted = Look(kind.known(_ordered()), request.form.get("density", ""))
    if "move" in request.form:
        return _draw_look(layout, wanted, order=_moved())
    if "reset" in request.form:
        wanted = Look(tuple(kind.usual))
    try:
        with unit_of_work() as session:
            _save(session, layout, wanted)
    except InvalidInputError as error:
        return _draw_look(layout, look_of(layout), status=422, messages=[_(error.message)])
    chosen = layout.current.id if layout.current else None
    back = url_for(kind.endpoint, view=chosen)
    return saved(_("The columns are saved."), changed=kind.changed, address=back)


@bp.get("/<list_key>/new")
@office_view(None)
def new(list_key: str) -> ResponseReturnValue:
    kind = get_list(list_key)
    return _draw_view(kind, ViewForm(), request_id=new_id())


@bp.post("/<list_key>/new")
@office_view(None)
def create(list_key: str) -> ResponseReturnValue:
    kind = get_list(list_key)
    view_id = read_form_id("view_id")
    form = ViewForm(request.form)
    _check_sharing(kind, form)
    if not form.validate():
        return _draw_view(kind, form, request_id=view_id, status=422)
    query = _query(kind)
    try:
        with unit_of_work() as session:
            layout = read_layout(session, kind, request.args.get("view", ""))
            view = list_views.create_view(
                session,
                view_id=view_id,
                list_key=kind.key,
                name=form.name.data or "",
                query=query,
                look=look_of(layout),
                is_shared=form.is_shared.data,
            )
    except InvalidInputError as error:
        if not put_error(form, error):
            raise
        return _draw_view(kind, form, request_id=view_id, status=422)
    except IntegrityError as error:
        raise ConflictError("Somebody was faster. Try again.") from error
    return _go(view_address(kind, view.id, view.query), _("The view is saved."))


@bp.get("/view/<uuid:view_id>")
@office_view(None)
def edit(view_id: UUID) -> ResponseReturnValue:
    with unit_of_work() as session:
        view = list_views.get_view(session, view_id)
    return _draw_view(get_list(view.list_key), ViewForm(obj=view), view=view)


@bp.post("/view/<uuid:view_id>")
@office_view(None)
def update(view_id: UUID) -> ResponseReturnValue:
    with unit_of_work() as session:
        view = list_views.get_view(session, view_id)
    kind = _changeable(view)
    form = ViewForm(request.form)
    _check_sharing(kind, form)
    if not form.validate():
        return _draw_view(kind, form, view=view, status=422)
    try:
        with unit_of_work() as session:
            view = list_views.update_view(
                session,
                list_views.get_view(session, view_id),
                version=request.form.get("version", 0, type=int),
                name=form.name.data or "",
                query=_query(kind) if form.takes_filters.data else None,
                is_shared=form.is_shared.data,
            )
    except InvalidInputError as error:
        if not put_error(form, error):
            raise
        return _draw_view(kind, form, view=view, status=422)
    except ConflictError as error:
        return _draw_view(kind, form, view=view, status=409, messages=[_(error.message)])
    return _go(view_address(kind, view.id, view.query), _("The view is saved."))


@bp.post("/view/<uuid:view_id>/delete")
@office_view(None)
def delete(view_id: UUID) -> ResponseReturnValue:
    with unit_of_work() as session:
        view = list_views.get_view(session, view_id)
        kind = _changeable(view)
        list_views.delete_view(session, view)
    return _go(url_for(kind.endpoint), _("The view is deleted."))


def _changeable(view: ListView) -> ListKind:
    """The view's list; raises NotAllowedError for one that only others may change."""
    kind = get_list(view.list_key)
    if not may_change(kind, view):
        raise NotAllowedError(NOT_IN_ROLE)
    return kind


def _check_sharing(kind: ListKind, form: ViewForm) -> None:
    if form.is_shared.data and not may_share(kind):
        raise NotAllowedError(NOT_IN_ROLE)


def _query(kind: ListKind) -> str:
    """The filters as the list itself writes them: nothing else gets into a saved address."""
    typed = request.values.get("query", "")[: list_views.QUERY_LENGTH]
    return kind.clean(MultiDict(parse_qsl(typed)))


def _save(session: Session, layout: Layout, wanted: Look) -> None:
    if layout.current is None:
        list_views.save_look(session, list_key=layout.kind.key, look=wanted)
    elif not layout.may_change():
        raise NotAllowedError(NOT_IN_ROLE)
    else:
        view = list_views.get_view(session, layout.current.id)
        list_views.update_view(session, view, version=view.version, look=wanted)


def _ordered() -> list[str]:
    """The ticked columns in the order in which the form lists them all."""
    ticked = set(request.form.getlist("column"))
    return [key for key in request.form.getlist("order") if key in ticked]


def _moved() -> list[str]:
    """The order of all columns after the one step that was asked for: `tags:up`."""
    order = request.form.getlist("order")
    key, _colon, way = request.form.get("move", "").partition(":")
    if key in order:
        at = order.index(key)
        to = max(0, at - 1) if way == "up" else min(len(order) - 1, at + 1)
        order.insert(to, order.pop(at))
    return order


def _draw_look(
    layout: Layout,
    look: Look,
    *,
    order: Sequence[str] | None = None,
    status: int = 200,
    messages: Sequence[str] = (),
) -> Response:
    kind = layout.kind
    labels = dict(kind.columns)
    known = [key for key in (order or look.columns) if key in labels]
    rest = [key for key in labels if key not in known]
    page = render(
        "office/list_views/look.html",
        "office/list_views/_look.html",
        status=status,
        layout=layout,
        columns=[(key, labels[key], key in look.columns) for key in (*known, *rest)],
        fixed=kind.fixed,
        density=look.density,
        densities=DENSITIES,
        messages=messages,
        may_save=layout.current is None or layout.may_change(),
        back_url=url_for(kind.endpoint, view=layout.current.id if layout.current else None),
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _draw_view(
    kind: ListKind,
    form: ViewForm,
    *,
    view: ListView | None = None,
    request_id: UUID | None = None,
    status: int = 200,
    messages: Sequence[str] = (),
) -> Response:
    query = _query(kind)
    page = render(
        "office/list_views/form.html",
        "office/list_views/_form.html",
        status=status,
        kind=kind,
        form=form,
        view=view,
        request_id=request_id,
        query=query,
        is_changed=view is not None and query not in ("", view.query),
        chosen=request.args.get("view", ""),
        may_share=may_share(kind),
        may_save=view is None or may_change(kind, view),
        messages=messages,
        back_url=url_for(kind.endpoint),
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _go(address: str, text: str) -> Response:
    """The whole page: its tabs, columns and filters all change."""
    flash(text, "success")
    return hx(redirect=address) if wants_partial() else redirect(address, 303)  # type: ignore[return-value]
