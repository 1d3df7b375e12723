"""Delete, restore and Full Delete: each asks first, says what follows, and may be sent twice."""

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.errors import ConflictError, InvalidInputError
from core.uow import unit_of_work
from payments import client_erasure
from portal.access import office_view
from portal.card_numbers import refuse_card_number, without_card_numbers
from portal.htmx import hx, render, toast, wants_partial
from portal.office.clients import deletion_queries, page_queries
from portal.office.clients.blueprint import bp
from portal.sessions import end_panel_sessions, forget_panel_sessions
from portal.wording import refusal
from tenants import client_deletion
from tenants.client_deletion import LoginFate, Restored
from tenants.clients import StaleVersionError
from tenants.models import Client
from tenants.permissions import Permission

CHANGED = "clients-changed"


@bp.get("/<int:client_id>/delete")
@office_view(Permission.CLIENTS_WRITE)
def delete(client_id: int) -> ResponseReturnValue:
    """What follows from deleting the client, and what of it is still open."""
    return _draw_delete(client_id)


@bp.post("/<int:client_id>/delete")
@office_view(Permission.CLIENTS_WRITE)
def delete_now(client_id: int) -> ResponseReturnValue:
    try:
        with unit_of_work() as session:
            deleted = client_deletion.delete_client(
                session, client_id, version=request.form.get("version", type=int)
            )
    except StaleVersionError as error:
        return _draw_delete(client_id, status=409, messages=[refusal(error)])
    # also when it was deleted before: the first request may have ended between the two
    end_panel_sessions(client_id, "client_deleted")
    text = _("%(name)s is deleted. Its history and money stay.", name=deleted.client.name)
    return _done(client_id, text, undo=url_for("office_clients.restore", client_id=client_id))


@bp.post("/<int:client_id>/restore")
@office_view(Permission.CLIENTS_WRITE)
def restore(client_id: int) -> ResponseReturnValue:
    """Bring a deleted client back; also what Undo does."""
    with unit_of_work() as session:
        restored = client_deletion.restore_client(session, client_id)
    level = "warning" if restored.login == "taken" else "success"
    return _done(client_id, _restored_text(restored), level=level)


@bp.get("/<int:client_id>/full-delete")
@office_view(Permission.CLIENTS_FULL_DELETE)
def full_delete(client_id: int) -> ResponseReturnValue:
    """What would go for good and what the law keeps; asks for the name."""
    return _draw_full_delete(client_id)


@bp.post("/<int:client_id>/full-delete")
@office_view(Permission.CLIENTS_FULL_DELETE)
def full_delete_now(client_id: int) -> ResponseReturnValue:
    try:
        with unit_of_work() as session:
            typed = refuse_card_number(request.form.get("typed", ""), "typed")
            erased = client_erasure.erase_client(session, client_id, typed_name=typed)
    except InvalidInputError as error:
        return _draw_full_delete(client_id, status=422, wrong=refusal(error))
    except ConflictError as error:
        return _draw_full_delete(client_id, status=409, messages=[refusal(error)])
    forget_panel_sessions(client_id)
    text = _("The client is removed for good and is now called %(name)s.", name=erased.client.name)
    address = url_for("office_clients.index", status="deleted")
    flash(text, "success")
    return hx(redirect=address) if wants_partial() else redirect(address, 303)


def _restored_text(restored: Restored) -> str:
    client: Client = restored.client
    words: dict[LoginFate, str] = {
        "none": _("%(name)s is restored.", name=client.name),
        "back": _("%(name)s is restored, with its client panel.", name=client.name),
        "taken": _(
            "%(name)s is restored. Another client uses its login now, so its client panel stays"
            " off: give it another login.",
            name=client.name,
        ),
    }
    return words[restored.login]


def _draw_delete(
    client_id: int, *, status: int = 200, messages: list[str] | None = None
) -> Response:
    with unit_of_work() as session:
        head = page_queries.get_head(session, client_id)
        still_open = deletion_queries.get_open_matters(session, head)
    page = render(
        "office/clients/delete.html",
        "office/clients/_delete.html",
        status=status,
        head=head,
        still_open=still_open,
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _draw_full_delete(
    client_id: int, *, status: int = 200, wrong: str = "", messages: list[str] | None = None
) -> Response:
    with unit_of_work() as session:
        head = page_queries.get_head(session, client_id)
        still_open = deletion_queries.get_open_matters(session, head)
    page = render(
        "office/clients/full_delete.html",
        "office/clients/_full_delete.html",
        status=status,
        head=head,
        still_open=still_open,
        wrong=wrong,
        typed=without_card_numbers(request.form).get("typed", ""),
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _done(client_id: int, text: str, *, level: str = "success", undo: str = "") -> Response:
    if wants_partial():
        shown = toast(text, level) | ({"undo": undo} if undo else {})
        return hx(trigger={"dialog:close": {}, CHANGED: {}, "toast": shown}, reswap="none")
    # a mapping, so that the toast of the next page can offer it too (components/toast.html)
    flash({"text": text, "undo": undo} if undo else text, level)  # type: ignore[arg-type]
    return redirect(url_for("office_clients.show", client_id=client_id), 303)  # type: ignore[return-value]
