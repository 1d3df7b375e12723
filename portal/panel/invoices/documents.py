"""Credit notes and the statement of account: read, and saved as PDF."""

import io
from contextlib import suppress
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from flask import flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from billing.correction_models import CreditNote
from billing.statement_document import draw_statement, find_kept_parties
from billing.statements import Statement, make_statement
from core.clock import today
from core.db import Session
from core.errors import InvalidInputError, NotFoundError
from core.uow import unit_of_work
from core.zones import get_zone
from portal.access import panel_view
from portal.keyset import read_place
from portal.listing import render_list
from portal.panel.invoices import queries
from portal.panel.invoices.blueprint import bp
from portal.panel.invoices.tabs import make_tabs
from portal.panel.me import my_id
from tenants.clients import get_client
from tenants.files import get_file
from tenants.models import ClientCompany, Reseller


@bp.get("/credit-notes")
@panel_view
def credit_notes() -> ResponseReturnValue:
    """Every credit note, the newest first."""
    with unit_of_work() as session:
        page = queries.read_credit_notes(session, read_place())
    return render_list(
        "panel/invoices/credit_notes.html",
        "panel/invoices/_credit_notes.html",
        page=page,
        tabs=make_tabs("credit_notes"),
    )


@bp.get("/credit-notes/<uuid:credit_note_id>/file")
@panel_view
def credit_note_file(credit_note_id: UUID) -> ResponseReturnValue:
    """The PDF as it was stored; it is made once by a job and never here."""
    with unit_of_work() as session:
        note = session.scalar(
            select(CreditNote).where(
                CreditNote.id == credit_note_id, CreditNote.client_id == my_id()
            )
        )
        if note is None:
            raise NotFoundError("Credit note not found.")
        file = None if note.file_id is None else get_file(session, note.file_id)
    if file is None:
        flash(_("The PDF is being made. Please try again in a minute."), "info")
        return redirect(url_for(".credit_notes"), 303)
    return send_file(
        io.BytesIO(file.content),
        mimetype=file.media_type,
        download_name=file.name,
        as_attachment=True,
        etag=False,
    )


@bp.get("/statement")
@panel_view
def statement() -> ResponseReturnValue:
    """The account between two days as PDF; what is wrong with the days is told on its screen."""
    with unit_of_work() as session:
        client = get_client(session, my_id())
        first_on, last_on, message = _read_days(today(get_zone(client.timezone)))
        if not message and request.args.get("format") == "pdf":
            with suppress(InvalidInputError):
                found = make_statement(session, client.id, first_on=first_on, last_on=last_on)
                return _send(session, found)
    asked = {name: request.args[name] for name in ("from", "to") if name in request.args}
    return redirect(url_for("panel_statement.index", **asked), 303)  # type: ignore[arg-type]


def _read_days(day: date) -> tuple[date, date, str]:
    """The days asked for, else this month and the one before; the third says what is wrong."""
    first_on = (day.replace(day=1) - timedelta(days=1)).replace(day=1)
    try:
        asked = [
            date.fromisoformat(request.args[name]) if request.args.get(name) else usual
            for name, usual in (("from", first_on), ("to", day))
        ]
    except ValueError:
        return first_on, day, _("Choose two days.")
    if not date(2000, 1, 1) <= min(asked) or max(asked) > date(2100, 12, 31):
        return first_on, day, _("Choose two days.")
    return asked[0], asked[1], ""


def _send(session: Session, found: Statement) -> ResponseReturnValue:
    parties = find_kept_parties(session, found.client.id) or _plain_parties(session, found)
    logo_id = parties.get("logo_file_id")
    logo = None if logo_id is None else get_file(session, UUID(logo_id)).content
    return send_file(
        io.BytesIO(draw_statement(found, parties, logo)),
        mimetype="application/pdf",
        download_name=f"statement-{found.first_on}-{found.last_on}.pdf",
        as_attachment=True,
        etag=False,
    )


def _plain_parties(session: Session, found: Statement) -> dict[str, Any]:
    """Of a client that was never invoiced: the two, without any look."""
    client = found.client
    reseller = session.scalars(select(Reseller).where(Reseller.id == client.reseller_id)).one()
    company = session.scalar(select(ClientCompany).where(ClientCompany.client_id == client.id))
    buyer = _side(company) if company else {**dict.fromkeys(_SIDE, ""), "company_name": ""}
    seller = _side(reseller)
    return {
        "locale": (company.locale if company else "") or reseller.locale,
        "seller_locale": reseller.locale,
        "brand_color": reseller.brand_color,
        "seller": {
            **seller,
            "name": seller["company_name"] or reseller.name,
            "email": reseller.email,
        },
        "buyer": {**buyer, "name": buyer["company_name"] or client.name, "email": ""},
    }


_SIDE = ("company_name", "address", "zip_code", "tax_id", "reg_id", "account_details")


def _side(known: Reseller | ClientCompany) -> dict[str, str]:
    return {name: getattr(known, name) for name in _SIDE}
