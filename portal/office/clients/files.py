"""Files on a client's page."""

from contextlib import closing
from uuid import UUID

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.errors import InvalidInputError
from core.ids import new_id
from core.uow import unit_of_work
from portal.access import office_view
from portal.htmx import hx, toast, wants_partial
from portal.office.clients import tab_queries, tabs
from portal.office.clients.blueprint import bp
from portal.office.form_ids import read_form_id
from portal.office.stored_file import send_stored
from portal.wording import refusal
from tenants import client_files
from tenants.client_files import KINDS, MAX_BYTES
from tenants.permissions import Permission

CHANGED = "clients-changed"


@bp.get("/<int:client_id>/files")
@office_view(Permission.CLIENTS_READ)
def files(client_id: int) -> ResponseReturnValue:
    return _draw(client_id, new_id())


@bp.post("/<int:client_id>/files")
@office_view(Permission.CLIENTS_WRITE)
def upload_file(client_id: int) -> ResponseReturnValue:
    """Keep a file; the same drawn form sent twice keeps it once."""
    file_id = read_form_id("file_id")
    sent = request.files.get("file")
    try:
        if sent is None or not sent.filename:
            raise InvalidInputError("Choose a file.", "file")
        with closing(sent):
            # one byte more than is taken, so that too much is seen without reading it all
            content = sent.stream.read(MAX_BYTES + 1)
        with unit_of_work() as session:
            client_files.create_client_file(
                session, client_id, file_id=file_id, name=sent.filename, content=content
            )
    except InvalidInputError as error:
        return _draw(client_id, file_id, status=422, wrong=refusal(error))
    return _done(client_id, _("The file is kept."))


@bp.get("/<int:client_id>/files/<uuid:file_id>")
@office_view(Permission.CLIENTS_READ)
def download_file(client_id: int, file_id: UUID) -> ResponseReturnValue:
    """Always to be saved, never shown: it came from outside."""
    with unit_of_work() as session:
        file = client_files.get_client_file(session, client_id, file_id)
    return send_stored(file, as_attachment=True)


@bp.post("/<int:client_id>/files/<uuid:file_id>/delete")
@office_view(Permission.CLIENTS_WRITE)
def delete_file(client_id: int, file_id: UUID) -> ResponseReturnValue:
    with unit_of_work() as session:
        client_files.delete_client_file(session, client_id, file_id)
    return _done(client_id, _("The file is deleted."))


def _draw(client_id: int, file_id: UUID, *, status: int = 200, wrong: str = "") -> Response:
    return tabs.draw(
        client_id,
        "files",
        lambda session, head: {"files": tab_queries.list_files(session, head)},
        status=status,
        new_file_id=file_id,
        wrong=wrong,
        accept=",".join(f".{ending}" for ending in KINDS),
        endings=", ".join(sorted(KINDS)),
        megabytes=MAX_BYTES // 1024 // 1024,
    )


def _done(client_id: int, text: str) -> Response:
    if wants_partial():
        return hx(trigger={CHANGED: {}, "toast": toast(text)}, reswap="none")
    flash(text, "success")
    return redirect(url_for("office_clients.files", client_id=client_id), 303)  # type: ignore[return-value]
