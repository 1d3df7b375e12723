"""The colour and the logo of a tenant, for its client panel and its sign-in pages."""

from flask import Response, make_response
from flask.typing import ResponseReturnValue

from core.errors import NotFoundError
from core.platform_uow import platform_unit_of_work
from portal.access import public_view
from portal.headers import allow_caching
from portal.signin.blueprint import bp
from tenants import branding


@bp.get("/brand/<code>.css")
@public_view(reason="a sign-in page wears its tenant's colour before anybody is known")
def brand_css(code: str) -> ResponseReturnValue:
    """The style sheet of the whole page."""
    return _sheet(code, "")


@bp.get("/brand/<code>/preview.css")
@public_view(reason="the same colour as on the sign-in page, inside a preview")
def brand_preview(code: str) -> ResponseReturnValue:
    """The same for the preview on the settings page."""
    return _sheet(code, "brand-preview")


@bp.get("/brand/<code>/logo.png")
@public_view(reason="a sign-in page shows its tenant's logo before anybody is known")
def brand_logo(code: str) -> ResponseReturnValue:
    with platform_unit_of_work() as session:
        content = branding.find_logo_content(session, code)
    if content is None:
        raise NotFoundError("There is no logo.")
    return _cached(content, "image/png")


def _sheet(code: str, only_in: str) -> Response:
    with platform_unit_of_work() as session:
        brand = branding.find_brand(session, code=code)
    if brand is None:
        raise NotFoundError("There is no such brand.")
    # a preview shows what pages wear without a colour too; the page itself needs no sheet then
    color = brand.color or (branding.DEFAULT_COLOR if only_in else "")
    sheet = branding.style_sheet(color, only_in=only_in)
    return _cached(sheet.encode(), "text/css; charset=utf-8")


def _cached(content: bytes, media_type: str) -> Response:
    answer = make_response(content)
    answer.content_type = media_type
    allow_caching()
    return answer
