"""Invoices that wait for their taxes: list, page, ask again, give up."""

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import invoices, tax_waits
from core.clock import now
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.htmx import hx, render, toast, wants_partial
from portal.office.suretax import queries
from portal.office.suretax.blueprint import bp
from tenants.permissions import Permission

CHANGED = "waits-changed"


@bp.get("/waiting")
@office_view(Permission.INVOICES_READ)
def waiting() -> ResponseReturnValue:
    with unit_of_work() as session:
        rows = queries.list_waiting(session, now())
        count = queries.count_waiting(session)
    return render(
        "office/suretax/waiting.html",
        "office/suretax/_waiting.html",
        rows=rows,
        count=count,
        may_execute=current_viewer().may(Permission.INVOICES_EXECUTE),
    )


@bp.get("/waiting/<uuid:wait_id>")
@office_view(Permission.INVOICES_READ)
def wait(wait_id: UUID) -> ResponseReturnValue:
    """Where it stands; when it waits no more, its invoice."""
    with unit_of_work() as session:
        row = queries.get_waiting(session, wait_id, now())
        if row is None:
            # made meanwhile, or gone: its charges were taken back, or somebody gave it up
            invoices.get_invoice(session, wait_id)
    if row is None:
        return _leave(wait_id)
    return render(
        "office/suretax/wait.html",
        "office/suretax/_wait.html",
        row=row,
        may_execute=current_viewer().may(Permission.INVOICES_EXECUTE),
    )


@bp.post("/waiting/<uuid:wait_id>/ask")
@office_view(Permission.INVOICES_EXECUTE)
def ask_again(wait_id: UUID) -> ResponseReturnValue:
    """Do not wait for the next try; pressed twice it is asked once."""
    with unit_of_work() as session:
        tax_waits.ask_again(session, wait_id)
    text = _("SureTax is being asked.")
    if wants_partial():
        return hx(trigger={CHANGED: {}, "toast": toast(text)}, reswap="none")
    flash(text, "success")
    return redirect(url_for("office_suretax.wait", wait_id=wait_id), 303)


@bp.post("/waiting/<uuid:wait_id>/give-up")
@office_view(Permission.INVOICES_EXECUTE)
def give_up(wait_id: UUID) -> ResponseReturnValue:
    """Do not make it; its charges wait for the client's next invoice."""
    with unit_of_work() as session:
        tax_waits.give_up(session, wait_id)
    flash(_("The invoice is not made. Its charges wait for the next one."), "success")
    address = url_for("office_suretax.waiting")
    return hx(redirect=address) if wants_partial() else redirect(address, 303)


def _leave(wait_id: UUID) -> ResponseReturnValue:
    address = url_for("office_invoices.show", invoice_id=wait_id)
    flash(_("SureTax has answered: the invoice is made."), "success")
    return hx(redirect=address) if wants_partial() else redirect(address, 303)
