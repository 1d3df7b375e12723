"""The mail queue: list, a mail as it was, its files, deleting and sending again."""

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, Response, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from core.db import Session
from core.errors import ConflictError, NotFoundError
from core.uow import unit_of_work
from mail import queue
from portal.access import current_viewer, office_view
from portal.headers import allow_own_frame, show_foreign_markup
from portal.htmx import render
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.office import client_choice
from portal.office.mail import queries
from portal.office.mail.queries import KINDS, STATES, Filters
from portal.office.period import period_options, read_period
from portal.office.stored_file import send_stored
from tenants.files import get_file
from tenants.permissions import Permission

bp = Blueprint("office_mail", __name__, url_prefix="/office/mail")
SELECTED_AT_MOST = 500


@bp.get("/")
@office_view(Permission.MAIL_READ)
def index() -> ResponseReturnValue:
    filters = Filters(
        search=request.args.get("q", "").strip()[:100],
        client_id=request.args.get("client", type=int),
        reseller_id=request.args.get("reseller", type=int),
        state=chosen("state", STATES, "any"),
        kind=chosen("kind", KINDS, "any"),
        twice=request.args.get("twice") == "1",
        period=read_period(),
    )
    with unit_of_work() as session:
        client = client_choice.find_chosen(session, filters.client_id)
        page = queries.read_mails(session, filters, read_place())
        family = client_choice.list_family(session)
    return render_list(
        "office/mail/index.html",
        "office/mail/_table.html",
        page=page,
        filters=filters,
        client=client,
        family=family,
        periods=period_options(),
        may_execute=current_viewer().may(Permission.MAIL_EXECUTE),
    )


@bp.get("/<uuid:mail_id>")
@office_view(Permission.MAIL_READ)
def show(mail_id: UUID) -> ResponseReturnValue:
    """The mail as it was written."""
    with unit_of_work() as session:
        page = queries.get_page(session, mail_id)
    allow_own_frame()
    return render(
        "office/mail/show.html",
        page=page,
        may_execute=current_viewer().may(Permission.MAIL_EXECUTE),
    )


@bp.get("/<uuid:mail_id>/html")
@office_view(Permission.MAIL_READ)
def html_body(mail_id: UUID) -> ResponseReturnValue:
    """The mail's own HTML, for the frame of its page: no script, request or form of it works."""
    with unit_of_work() as session:
        page = queries.get_page(session, mail_id)
    if not page.mail.body_html:
        raise NotFoundError
    show_foreign_markup()
    return make_response(page.mail.body_html, {"Content-Type": "text/html; charset=utf-8"})


@bp.get("/<uuid:mail_id>/files/<uuid:file_id>")
@office_view(Permission.MAIL_READ)
def attachment(mail_id: UUID, file_id: UUID) -> ResponseReturnValue:
    """A file that went along; always saved, never shown."""
    with unit_of_work() as session:
        queries.get_page(session, mail_id)
        if not queries.has_attachment(session, mail_id, file_id):
            raise NotFoundError
        file = get_file(session, file_id)
    return send_stored(file, as_attachment=True)


@bp.post("/selected/delete")
@office_view(Permission.MAIL_EXECUTE)
def delete_selected() -> ResponseReturnValue:
    """Take all chosen mails that still wait out of the queue."""
    done, left = _each(queue.delete_queued)
    flash(
        ngettext("%(num)d mail will not be sent.", "%(num)d mails will not be sent.", done),
        "success",
    )
    return _after_selection(left)


@bp.post("/selected/send-again")
@office_view(Permission.MAIL_EXECUTE)
def send_selected_again() -> ResponseReturnValue:
    """Put all chosen mails that have failed back into the queue."""
    done, left = _each(queue.send_again)
    flash(
        ngettext(
            "%(num)d mail is in the queue again.", "%(num)d mails are in the queue again.", done
        ),
        "success",
    )
    return _after_selection(left)


def _each(act: Callable[[Session, UUID], object]) -> tuple[int, int]:
    """How many of the chosen mails it was done to, and how many were in no state for it.

    Each in a transaction of its own; another tenant's id is one that was never there.
    """
    done = left = 0
    for mail_id in _chosen_ids():
        try:
            with unit_of_work() as session:
                act(session, mail_id)
        except (ConflictError, NotFoundError):
            left += 1
        else:
            done += 1
    return done, left


def _chosen_ids() -> list[UUID]:
    found = []
    for text in request.form.getlist("pick")[:SELECTED_AT_MOST]:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return list(dict.fromkeys(found))


def _after_selection(left: int) -> Response:
    if left:
        flash(
            ngettext(
                "%(num)d mail was left as it is: it is in no state for this.",
                "%(num)d mails were left as they are: they are in no state for this.",
                left,
            ),
            "warning",
        )
    return _redirect(url_for("office_mail.index"))


@bp.post("/<uuid:mail_id>/delete")
@office_view(Permission.MAIL_EXECUTE)
def delete(mail_id: UUID) -> ResponseReturnValue:
    """Take a waiting mail out of the queue; a second click finds it gone, which is the same."""
    with unit_of_work() as session:
        if queries.find_state(session, mail_id) != "deleted":
            queue.delete_queued(session, mail_id)
    flash(_("The mail will not be sent."), "success")
    return _redirect(url_for("office_mail.index"))


@bp.post("/<uuid:mail_id>/send-again")
@office_view(Permission.MAIL_EXECUTE)
def send_again(mail_id: UUID) -> ResponseReturnValue:
    """Put a failed mail back into the queue; a second click finds it there."""
    with unit_of_work() as session:
        try:
            queue.send_again(session, mail_id)
        except ConflictError:
            if queries.find_state(session, mail_id) not in ("queued", "sending"):
                raise
    flash(_("The mail is in the queue again."), "success")
    return _redirect(url_for("office_mail.show", mail_id=mail_id))


def _redirect(address: str) -> Response:
    return redirect(address, 303)  # type: ignore[return-value]
