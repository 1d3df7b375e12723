"""The list of resellers, as a tree, and the page of one."""

from flask import request
from flask.typing import ResponseReturnValue

from core.clock import now
from core.errors import NotFoundError
from core.platform_uow import platform_unit_of_work
from portal.access import current_viewer, platform_view
from portal.htmx import render
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.platform import attention
from portal.platform.resellers import queries
from portal.platform.resellers.blueprint import bp
from portal.platform.resellers.queries import Filters
from tenants import resellers
from tenants.permissions import PlatformPermission


@bp.get("/")
@platform_view(PlatformPermission.TENANTS_READ)
def index() -> ResponseReturnValue:
    filters = Filters(
        search=request.args.get("q", "").replace("\x00", "").strip()[:100],
        show=chosen("show", ("", *attention.TROUBLES), ""),
    )
    with platform_unit_of_work() as session:
        page = queries.read_resellers(session, filters, read_place())
    return render_list(
        "platform/resellers/index.html",
        "platform/resellers/_table.html",
        rows=page,
        filters=filters,
        may_write=current_viewer().may(PlatformPermission.TENANTS_WRITE),
        at=now(),
    )


@bp.get("/<int:reseller_id>")
@platform_view(PlatformPermission.TENANTS_READ)
def show(reseller_id: int) -> ResponseReturnValue:
    with platform_unit_of_work() as session:
        row = queries.find_reseller(session, reseller_id)
        if row is None:
            raise NotFoundError("Reseller not found.")
        parts = {
            "reseller": resellers.get_reseller(session, reseller_id),
            "people": queries.list_people(session, reseller_id),
            "gateways": queries.list_gateways(session, reseller_id),
            "open_refills": queries.list_payments(session, reseller_id, *attention.OPEN_REFILLS),
            "failed_refills": queries.list_payments(
                session, reseller_id, *attention.FAILED_REFILLS
            ),
            "mails": queries.list_mails(session, reseller_id),
            "events": queries.list_events(session, reseller_id),
            "checks": queries.list_checks(session, reseller_id),
            "history": queries.list_history(session, reseller_id),
        }
    return render(
        "platform/resellers/show.html",
        row=row,
        may_write=current_viewer().may(PlatformPermission.TENANTS_WRITE),
        may_sign_in=current_viewer().may(PlatformPermission.TENANTS_EXECUTE),
        at=now(),
        **parts,  # type: ignore[arg-type]  # no key of it is `status`
    )
