"""Settings of the own company."""

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from portal.access import office_view
from portal.office.resellers import pages
from portal.office.resellers.blueprint import settings_bp as bp
from tenants.permissions import Permission

_PAGE = "<any(company,region,branding,panel,mail,invoicing):page>"
_PART = "<any(company,region,branding,rules,sender,server,numbering,defaults):part>"


@bp.get("/")
@office_view(Permission.SETTINGS_READ)
def index() -> ResponseReturnValue:
    return redirect(url_for("office_settings.page", page="company"), 302)


@bp.get(f"/{_PAGE}")
@office_view(Permission.SETTINGS_READ)
def page(page: str) -> ResponseReturnValue:
    return pages.show_page(pages.own_place(), page)


@bp.post(f"/{_PART}")
@office_view(Permission.SETTINGS_WRITE)
def save(part: str) -> ResponseReturnValue:
    return pages.save_part(pages.own_place(), part)


@bp.post("/logo/remove")
@office_view(Permission.SETTINGS_WRITE)
def remove_logo() -> ResponseReturnValue:
    return pages.remove_logo(pages.own_place())


@bp.post("/server/test")
@office_view(Permission.SETTINGS_WRITE)
def test_server() -> ResponseReturnValue:
    return pages.test_server(pages.own_place())


@bp.post("/server/remove")
@office_view(Permission.SETTINGS_WRITE)
def remove_server() -> ResponseReturnValue:
    return pages.remove_server(pages.own_place())


@bp.get("/next-number")
@office_view(Permission.SETTINGS_READ)
def next_number() -> ResponseReturnValue:
    return pages.preview_number(pages.own_place())
