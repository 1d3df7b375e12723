"""The audit log."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.uow import unit_of_work
from portal.access import office_view
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.office import client_choice
from portal.office.audit import queries
from portal.office.audit.queries import OBJECT_TYPES, Filters
from portal.office.period import period_options, read_period
from tenants.permissions import Permission

bp = Blueprint("office_audit", __name__, url_prefix="/office/audit")


@bp.get("/")
@office_view(Permission.AUDIT_READ)
def index() -> ResponseReturnValue:
    filters = Filters(
        search=request.args.get("q", "").strip()[:100],
        client_id=request.args.get("client", type=int),
        object_type=chosen("object", OBJECT_TYPES, "any"),
        period=read_period(),
    )
    with unit_of_work() as session:
        client = client_choice.find_chosen(session, filters.client_id)
        page = queries.read_records(session, filters, read_place())
    return render_list(
        "office/audit/index.html",
        "office/audit/_table.html",
        page=page,
        filters=filters,
        client=client,
        object_types=_object_types(),
        periods=period_options(),
    )


def _object_types() -> list[tuple[str, str]]:
    words = {
        "any": _("Any object"),
        "client": _("Client"),
        "transaction": _("Transaction"),
        "invoice": _("Invoice"),
        "refill": _("Refill"),
        "saved_card": _("Saved card"),
        "mail": _("Mail"),
        "payment_terms": _("Payment terms"),
        "tax_profile": _("Tax profile"),
        "gateway_account": _("Payment gateway"),
        "user": _("User"),
    }
    return [(name, words[name]) for name in OBJECT_TYPES]
