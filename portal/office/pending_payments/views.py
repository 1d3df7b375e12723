"""Pending payments: what is not final, what the system will do about it and when."""

from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core import jobs
from core.errors import ConflictError, NotFoundError
from core.uow import unit_of_work
from payments import attempts, gateway_accounts, held, refills, refunds
from payments.held import Decision
from portal.access import current_viewer, office_view
from portal.htmx import hx, toast, wants_partial
from portal.listing import chosen, render_list
from portal.office.pending_payments import queries
from portal.office.pending_payments.blueprint import bp
from portal.office.pending_payments.queries import STATES, WHAT, Filters
from tenants.permissions import Permission

CHANGED: dict[str, object] = {"pending-changed": {}, "refills-changed": {}}
_DECISIONS: dict[str, Decision] = {"approve": "approve", "decline": "decline"}


@bp.get("/")
@office_view(Permission.PAYMENTS_READ)
def index() -> ResponseReturnValue:
    filters = Filters(what=chosen("what", WHAT, "any"), state=chosen("state", STATES, "any"))
    with unit_of_work() as session:
        pending = queries.read_pending(session, filters)
    return render_list(
        "office/pending_payments/index.html",
        "office/pending_payments/_table.html",
        pending=pending,
        filters=filters,
        may_execute=current_viewer().may(Permission.PAYMENTS_EXECUTE),
    )


@bp.post("/charges/<uuid:refill_id>/look-up")
@office_view(Permission.PAYMENTS_EXECUTE)
def look_up_charge(refill_id: UUID) -> ResponseReturnValue:
    """Ask the gateway about a charge now; harmless at any time."""
    with unit_of_work() as session:
        refill = refills.get_refill(session, refill_id)
        attempt = attempts.find_latest(session, refill_id)
        if refill.state not in refills.OPEN_STATES:
            raise ConflictError("This refill is finished; there is nothing to ask.")
        if attempt is not None and refill.state != "requested":
            attempts.request_look(session, attempt)
        else:
            jobs.enqueue(
                session,
                "payments.charge_refill",
                reseller_id=refill.reseller_id,
                refill_id=str(refill.id),
            )
    return _done(_("The gateway is being asked."), refill_id)


@bp.post("/refunds/<uuid:refund_id>/look-up")
@office_view(Permission.PAYMENTS_EXECUTE)
def look_up_refund(refund_id: UUID) -> ResponseReturnValue:
    """Send a waiting refund, or ask about one, now; harmless at any time."""
    with unit_of_work() as session:
        refund = refunds.get_refund(session, refund_id)
        if refund.state not in refunds.OPEN_STATES:
            raise ConflictError("This refund is finished; there is nothing to ask.")
        refunds.request_look(session, refund)
    return _done(_("The gateway is being asked."), refund.refill_id)


@bp.post("/refunds/<uuid:refund_id>/cancel")
@office_view(Permission.PAYMENTS_EXECUTE)
def cancel_refund(refund_id: UUID) -> ResponseReturnValue:
    """Drop a refund that was not sent yet."""
    with unit_of_work() as session:
        refund = refunds.cancel(session, refund_id)
    return _done(_("The refund is cancelled."), refund.refill_id)


@bp.post("/charges/<uuid:refill_id>/<decision>")
@office_view(Permission.PAYMENTS_EXECUTE)
def decide(refill_id: UUID, decision: str) -> ResponseReturnValue:
    """Approve or decline what the gateway holds; a second click changes nothing."""
    wanted = _DECISIONS.get(decision)
    if wanted is None:
        raise NotFoundError
    with unit_of_work() as session:
        refill = refills.get_refill(session, refill_id)
        account = gateway_accounts.get_account(session, refill.gateway_account_id)
        held.decide(session, refill_id, gateway=account.gateway, decision=wanted)
    text = (
        _("The gateway is told to take the payment.")
        if wanted == "approve"
        else _("The gateway is told to let the payment go.")
    )
    return _done(text, refill_id)


def _done(text: str, refill_id: UUID) -> ResponseReturnValue:
    """Back to where it was asked: the list, or the payment's own page."""
    if wants_partial():
        return hx(
            trigger={"dialog:close": {}, **CHANGED, "toast": toast(text, "info")}, reswap="none"
        )
    flash(text, "info")
    if request.form.get("back") == "list":
        return redirect(url_for("office_pending.index"), 303)
    return redirect(url_for("office_refills.show", refill_id=refill_id), 303)
