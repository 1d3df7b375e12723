"""The tree of resellers, and the settings of each beneath the own company."""

from flask import redirect, request
from flask.typing import ResponseReturnValue

from core.errors import NotAllowedError, NotFoundError
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.office.resellers import pages, queries
from portal.office.resellers.blueprint import bp
from portal.office.resellers.pages import Place
from portal.office.resellers.queries import STATUSES, Filters
from tenants.permissions import Permission

_PAGE = "<any(company,region,branding,panel,mail,invoicing):page>"
_PART = "<any(company,region,branding,rules,sender,server,numbering,defaults):part>"


@bp.get("/")
@office_view(Permission.RESELLERS_READ)
def index() -> ResponseReturnValue:
    filters = Filters(
        search=request.args.get("q", "").replace("\x00", "").strip()[:100],
        status=chosen("status", ("", *STATUSES), ""),
    )
    with unit_of_work() as session:
        page = queries.read_resellers(session, filters, read_place())
    return render_list(
        "office/resellers/index.html",
        "office/resellers/_table.html",
        rows=page,
        filters=filters,
        home_id=current_scope().home_reseller_id,
        may_write=current_viewer().may(Permission.RESELLERS_WRITE),
        may_settings=current_viewer().may(Permission.SETTINGS_READ),
    )


@bp.get("/<int:reseller_id>")
@office_view(Permission.RESELLERS_READ)
def show(reseller_id: int) -> ResponseReturnValue:
    return redirect(_place(reseller_id).url("page", page="company"), 302)


@bp.get(f"/<int:reseller_id>/{_PAGE}")
@office_view(Permission.RESELLERS_READ)
def page(reseller_id: int, page: str) -> ResponseReturnValue:
    return pages.show_page(_place(reseller_id), page)


@bp.post(f"/<int:reseller_id>/{_PART}")
@office_view(Permission.RESELLERS_WRITE)
def save(reseller_id: int, part: str) -> ResponseReturnValue:
    return pages.save_part(_place(reseller_id), part)


@bp.post("/<int:reseller_id>/logo/remove")
@office_view(Permission.RESELLERS_WRITE)
def remove_logo(reseller_id: int) -> ResponseReturnValue:
    return pages.remove_logo(_place(reseller_id))


@bp.post("/<int:reseller_id>/server/test")
@office_view(Permission.RESELLERS_WRITE)
def test_server(reseller_id: int) -> ResponseReturnValue:
    return pages.test_server(_place(reseller_id))


@bp.post("/<int:reseller_id>/server/remove")
@office_view(Permission.RESELLERS_WRITE)
def remove_server(reseller_id: int) -> ResponseReturnValue:
    return pages.remove_server(_place(reseller_id))


@bp.get("/<int:reseller_id>/next-number")
@office_view(Permission.RESELLERS_READ)
def next_number(reseller_id: int) -> ResponseReturnValue:
    return pages.preview_number(_place(reseller_id))


def _place(reseller_id: int) -> Place:
    """A reseller of the scope; NotFoundError for any other.

    The own company asks for the rights to its settings besides; raises NotAllowedError.
    """
    scope, viewer = current_scope(), current_viewer()
    if reseller_id not in scope.reseller_ids:
        raise NotFoundError("Reseller not found.")
    may_write = viewer.may(Permission.RESELLERS_WRITE)
    if reseller_id == scope.home_reseller_id:
        wanted = Permission.SETTINGS_READ if _is_reading() else Permission.SETTINGS_WRITE
        if not viewer.may(wanted):
            raise NotAllowedError("Your role does not include this action.")
        may_write = may_write and viewer.may(Permission.SETTINGS_WRITE)
    return Place(reseller_id, may_write, is_own=False)


def _is_reading() -> bool:
    return request.method == "GET"
