"""Tags: list, new, rename and colour, merge, delete."""

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from core.db import Session
from core.errors import InvalidInputError
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.fields import put_error, to_choices
from portal.htmx import hx, render
from portal.keyset import read_place
from portal.listing import render_list
from portal.office.saved import saved
from portal.office.tags import queries
from portal.office.tags.blueprint import bp
from portal.office.tags.forms import COLOR_NAMES, MergeForm, TagForm
from tenants import resellers, tags
from tenants.models import Tag
from tenants.permissions import Permission

CHANGED = "tags-changed"


@bp.get("/")
@office_view(Permission.TAGS_READ)
def index() -> ResponseReturnValue:
    search = " ".join(request.args.get("q", "").replace("\x00", "").split())[:100]
    with unit_of_work() as session:
        page = queries.read_tags(session, search, read_place())
    return render_list(
        "office/tags/index.html",
        "office/tags/_table.html",
        rows=page,
        search=search,
        colors=COLOR_NAMES,
        may_write=current_viewer().may(Permission.TAGS_WRITE),
        is_family=len(current_scope().reseller_ids) > 1,
    )


@bp.get("/new")
@office_view(Permission.TAGS_WRITE)
def new() -> ResponseReturnValue:
    form = TagForm(reseller_id=current_scope().home_reseller_id)
    with unit_of_work() as session:
        _offer(session, form)
    return _draw(form)


@bp.post("/new")
@office_view(Permission.TAGS_WRITE)
def create() -> ResponseReturnValue:
    form = TagForm(request.form, data={"reseller_id": current_scope().home_reseller_id})
    with unit_of_work() as session:
        _offer(session, form)
    if not form.validate():
        return _draw(form, status=422)
    try:
        with unit_of_work() as session:
            tag = tags.create_tag(
                session,
                reseller_id=form.reseller_id.data,
                name=form.name.data or "",
                color=form.color.data,
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, status=422)
    return _saved(_("%(name)s is saved.", name=tag.name))


@bp.get("/<int:tag_id>")
@office_view(Permission.TAGS_WRITE)
def edit(tag_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        tag = tags.get_tag(session, tag_id)
        form = TagForm(obj=tag, data={"was": tag.name})
        _offer(session, form)
    return _draw(form, tag)


@bp.post("/<int:tag_id>")
@office_view(Permission.TAGS_WRITE)
def update(tag_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        tag = tags.get_tag(session, tag_id)
        form = TagForm(request.form, obj=tag)
        _offer(session, form)
    form.reseller_id.data = tag.reseller_id
    if not form.validate():
        return _draw(form, tag, status=422)
    try:
        with unit_of_work() as session:
            tag = tags.update_tag(
                session,
                tag_id,
                was=form.was.data or "",
                name=form.name.data or "",
                color=form.color.data,
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, tag, status=422)
    return _saved(_("%(name)s is saved.", name=tag.name))


@bp.get("/<int:tag_id>/merge")
@office_view(Permission.TAGS_WRITE)
def ask_merge(tag_id: int) -> ResponseReturnValue:
    return _draw_merge(tag_id, MergeForm())


@bp.post("/<int:tag_id>/merge")
@office_view(Permission.TAGS_WRITE)
def merge(tag_id: int) -> ResponseReturnValue:
    """Give its clients the other tag, and delete it."""
    form = MergeForm(request.form)
    if not form.validate():
        return _draw_merge(tag_id, form, status=422)
    try:
        with unit_of_work() as session:
            target, count = tags.merge_tags(session, tag_id, into=form.into.data or "")
    except InvalidInputError as error:
        put_error(form, error)
        return _draw_merge(tag_id, form, status=422)
    return _saved(
        ngettext(
            "%(num)d client has %(name)s now.",
            "%(num)d clients have %(name)s now.",
            count,
            name=target.name,
        )
    )


@bp.post("/<int:tag_id>/delete")
@office_view(Permission.TAGS_WRITE)
def delete(tag_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        name, count = tags.delete_tag(session, tag_id)
    return _saved(
        ngettext(
            "%(name)s is deleted; %(num)d client had it.",
            "%(name)s is deleted; %(num)d clients had it.",
            count,
            name=name,
        )
    )


def _offer(session: Session, form: TagForm) -> None:
    form.reseller_id.choices = to_choices(
        [(one.id, one.name) for one in resellers.list_resellers(session)]
    )


def _saved(text: str) -> Response:
    return saved(text, changed=CHANGED, address=url_for("office_tags.index"))


def _draw(form: TagForm, tag: Tag | None = None, *, status: int = 200) -> Response:
    page = render(
        "office/tags/form.html", "office/tags/_form.html", status=status, form=form, tag=tag
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _draw_merge(tag_id: int, form: MergeForm, *, status: int = 200) -> Response:
    with unit_of_work() as session:
        tag = tags.get_tag(session, tag_id)
        count = tags.count_clients(session, tag)
        others = queries.list_others(session, tag)
    page = render(
        "office/tags/merge.html",
        "office/tags/_merge.html",
        status=status,
        form=form,
        tag=tag,
        count=count,
        others=others,
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
