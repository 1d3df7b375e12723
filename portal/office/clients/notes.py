"""Notes on a client's page."""

from uuid import UUID

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, Form, TextAreaField

from core.errors import ConflictError, InvalidInputError
from core.ids import new_id
from core.tenancy import current_actor
from core.uow import unit_of_work
from portal.access import office_view
from portal.fields import put_error
from portal.htmx import hx, render, toast, wants_partial
from portal.office.clients import page_queries, tab_queries, tabs
from portal.office.clients.blueprint import bp
from portal.office.form_ids import read_form_id
from portal.wording import refusal
from tenants import client_notes
from tenants.client_record_models import ClientNote
from tenants.permissions import Permission

CHANGED = "clients-changed"


class NoteForm(Form):
    """The words of a note."""

    body = TextAreaField(_l("Note"))
    is_pinned = BooleanField(_l("Keep at the top"))


@bp.get("/<int:client_id>/notes")
@office_view(Permission.CLIENTS_READ)
def notes(client_id: int) -> ResponseReturnValue:
    return _draw(client_id, NoteForm(), new_id())


@bp.post("/<int:client_id>/notes")
@office_view(Permission.CLIENTS_WRITE)
def create_note(client_id: int) -> ResponseReturnValue:
    """Add a note; the same drawn form sent twice adds it once."""
    note_id = read_form_id("note_id")
    form = NoteForm(request.form)
    if not form.validate():
        return _draw(client_id, form, note_id, status=422)
    try:
        with unit_of_work() as session:
            client_notes.create_note(
                session,
                client_id,
                note_id=note_id,
                body=form.body.data or "",
                is_pinned=bool(form.is_pinned.data),
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(client_id, form, note_id, status=422)
    return _saved(client_id, _("The note is kept."))


@bp.get("/<int:client_id>/notes/<uuid:note_id>")
@office_view(Permission.CLIENTS_WRITE)
def edit_note(client_id: int, note_id: UUID) -> ResponseReturnValue:
    with unit_of_work() as session:
        head = page_queries.get_head(session, client_id)
        note = client_notes.get_note(session, client_id, note_id)
    return _draw_form(head.id, head.name, note, NoteForm(data={"body": note.body}))


@bp.post("/<int:client_id>/notes/<uuid:note_id>")
@office_view(Permission.CLIENTS_WRITE)
def update_note(client_id: int, note_id: UUID) -> ResponseReturnValue:
    """Only the one who wrote it."""
    form = NoteForm(request.form)
    with unit_of_work() as session:
        head = page_queries.get_head(session, client_id)
        note = client_notes.get_note(session, client_id, note_id)
    if not form.validate():
        return _draw_form(head.id, head.name, note, form, status=422)
    try:
        with unit_of_work() as session:
            client_notes.update_note(
                session,
                client_id,
                note_id,
                body=form.body.data or "",
                version=request.form.get("version", 0, type=int),
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw_form(head.id, head.name, note, form, status=422)
    except ConflictError as error:
        return _draw_form(head.id, head.name, note, form, status=409, messages=[refusal(error)])
    return _saved(client_id, _("The note is changed."))


@bp.post("/<int:client_id>/notes/<uuid:note_id>/pin")
@office_view(Permission.CLIENTS_WRITE)
def pin_note(client_id: int, note_id: UUID) -> ResponseReturnValue:
    is_pinned = request.form.get("pinned") == "1"
    with unit_of_work() as session:
        client_notes.pin_note(session, client_id, note_id, is_pinned=is_pinned)
    text = _("The note stays at the top.") if is_pinned else _("The note is no longer at the top.")
    return _saved(client_id, text)


@bp.post("/<int:client_id>/notes/<uuid:note_id>/delete")
@office_view(Permission.CLIENTS_WRITE)
def delete_note(client_id: int, note_id: UUID) -> ResponseReturnValue:
    """Only the one who wrote it."""
    with unit_of_work() as session:
        client_notes.delete_note(session, client_id, note_id)
    return _saved(client_id, _("The note is deleted."))


def _draw(client_id: int, form: NoteForm, note_id: UUID, *, status: int = 200) -> Response:
    actor = current_actor()
    return tabs.draw(
        client_id,
        "notes",
        lambda session, head: {
            "notes": [
                (note, client_notes.is_own(note, actor))
                for note in tab_queries.list_notes(session, head)
            ]
        },
        status=status,
        form=form,
        new_note_id=note_id,
    )


def _draw_form(
    client_id: int,
    client_name: str,
    note: ClientNote,
    form: NoteForm,
    *,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    page = render(
        "office/clients/note.html",
        "office/clients/_note.html",
        status=status,
        client_id=client_id,
        client_name=client_name,
        note=note,
        form=form,
        is_own=client_notes.is_own(note, current_actor()),
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _saved(client_id: int, text: str) -> Response:
    if wants_partial():
        done = {"dialog:close": {}, CHANGED: {}, "toast": toast(text)}
        return hx(trigger=done, reswap="none")
    flash(text, "success")
    return redirect(url_for("office_clients.notes", client_id=client_id), 303)  # type: ignore[return-value]
