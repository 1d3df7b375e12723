"""Mass edit: choose what to change, look at what it does to whom, confirm, watch the task."""

from collections.abc import Sequence
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from core.db import Session
from core.errors import InvalidInputError, NotFoundError
from core.ids import new_id
from core.uow import unit_of_work
from payments.mass_edit import Wish, check_wish, read_context
from payments.mass_edit_task import KIND, MOST, request_mass_edit
from portal.access import current_viewer, office_view
from portal.fields import put_error, to_choices
from portal.htmx import hx, render, wants_partial
from portal.office.client_rights import permissions_of, writable_blocks
from portal.office.client_selection import (
    Selection,
    check_may,
    count_selected,
    read_selection,
    select_ids,
)
from portal.office.form_ids import read_form_id
from portal.office.mass_edit import queries
from portal.office.mass_edit.blueprint import bp
from portal.office.mass_edit.forms import NONE, MassEditForm, blocks_of, digest
from portal.office.mass_edit.queries import Choices, Preview
from portal.wording import refusal
from tenants import tasks
from tenants.permissions import Permission


@bp.get("/new")
@office_view(Permission.CLIENTS_WRITE)
def new() -> ResponseReturnValue:
    """The form, for the rows picked or for all that match."""
    check_may(KIND)
    selection = read_selection()
    with unit_of_work() as session:
        count = count_selected(session, selection, limit=MOST + 1)
        if selection.picked and not count:
            raise NotFoundError("There is no such client.")
        choices = queries.read_choices(session, selection)
    return _draw(_make_form(None, choices), choices, selection, count, task_id=new_id())


@bp.post("/preview")
@office_view(Permission.CLIENTS_WRITE)
def preview() -> ResponseReturnValue:
    """What would change, for whom, and who would be left out; nothing is written."""
    check_may(KIND)
    task_id = read_form_id("task_id")
    with unit_of_work() as session:
        return _preview(session, task_id)


@bp.post("/")
@office_view(Permission.CLIENTS_WRITE)
def create() -> ResponseReturnValue:
    """Begin the task whose preview was confirmed; a second click finds the first task."""
    check_may(KIND)
    task_id = read_form_id("task_id")
    with unit_of_work() as session:
        if tasks.find_task(session, task_id) is not None:
            return _to_task(task_id)
        selection = read_selection()
        choices = queries.read_choices(session, selection)
        form = _make_form(request.form, choices)
        wish = _read_wish(form)
        if wish is None or digest(wish) != request.form.get("previewed", ""):
            changed = _("The form has changed since the preview. Look at it again.")
            return _preview(session, task_id, [changed])
    try:
        with unit_of_work() as session:
            _begin(session, task_id, selection, wish)
    except InvalidInputError as error:
        with unit_of_work() as session:
            return _preview(session, task_id, [refusal(error)])
    flash(_("The clients are being changed. This page follows the work."), "info")
    return _to_task(task_id)


def _to_task(task_id: UUID) -> ResponseReturnValue:
    address = url_for("office_tasks.show", task_id=task_id)
    return hx(redirect=address) if wants_partial() else redirect(address, 303)


def _begin(session: Session, task_id: UUID, selection: Selection, wish: Wish) -> None:
    read_context(session, wish)
    asked = selection.to_asked()
    task = tasks.create_task(
        session,
        task_id=task_id,
        kind=KIND,
        params={
            "wish": wish.to_params(),
            "asked": asked,
            "needs": permissions_of(blocks_of(wish)),
        },
        step="write",
    )
    request_mass_edit(
        session,
        task,
        ids=select_ids(selection),
        wish=wish,
        count=request.form.get("count", 0, type=int),
        asked=asked,
    )


def _preview(session: Session, task_id: UUID, messages: Sequence[str] = ()) -> ResponseReturnValue:
    selection = read_selection()
    choices = queries.read_choices(session, selection)
    form = _make_form(request.form, choices)
    count = count_selected(session, selection, limit=MOST + 1)
    wish = _read_wish(form)
    found: Preview | None = None
    said = list(messages)
    if wish is not None and count <= MOST:
        try:
            context = read_context(session, wish)
            found = queries.read_preview(session, selection, context, count)
        except InvalidInputError as error:
            if not put_error(form, error):
                said.append(refusal(error))
    elif not any(field.errors for field in form):
        said.append(_("Choose what to change."))
    return _draw(
        form,
        choices,
        selection,
        count,
        task_id=task_id,
        found=found,
        previewed=digest(wish) if wish is not None and found is not None else "",
        messages=said,
        status=422 if found is None or messages else 200,
    )


def _read_wish(form: MassEditForm) -> Wish | None:
    """What is asked for; None with the errors at their fields."""
    if not form.validate():
        return None
    wish = form.to_wish()
    try:
        check_wish(wish)
    except InvalidInputError as error:
        put_error(form, error)
        return None
    return wish


def _make_form(formdata: "MultiDict[str, str] | None", choices: Choices) -> MassEditForm:
    form = MassEditForm(formdata)
    form.keep_only(writable_blocks(current_viewer()))
    leave = [("", _("Leave as it is"))]
    if "payment_terms_id" in form:
        terms = [*leave, *choices.terms, (NONE, _("No terms"))]
        form.payment_terms_id.choices = to_choices(terms)
    if "template_id" in form:
        form.template_id.choices = to_choices([("", _("None")), *choices.templates])
    form.currency.choices = to_choices([("", _("Choose")), *((c, c) for c in choices.currencies)])
    if formdata is None and len(choices.currencies) == 1:
        form.currency.data = choices.currencies[0]
    return form


def _draw(
    form: MassEditForm,
    choices: Choices,
    selection: Selection,
    count: int,
    *,
    task_id: UUID,
    found: Preview | None = None,
    previewed: str = "",
    messages: Sequence[str] = (),
    status: int = 200,
) -> ResponseReturnValue:
    return render(
        "office/mass_edit/form.html",
        "office/mass_edit/_form.html",
        status=status,
        form=form,
        tags=choices.tags,
        selection=selection,
        filters=selection.filters.to_query(),
        count=count,
        most=MOST,
        task_id=task_id,
        found=found,
        previewed=previewed,
        messages=messages,
    )
