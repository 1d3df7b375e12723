"""The two doors: what /login and /clients/login have in common, and where each leads."""

from dataclasses import dataclass

from flask import request, url_for

from core.db import Session
from portal.access import viewer_of
from portal.navigation import menu_for
from portal.next_page import safe_next
from portal.sessions import Realm
from portal.site import branded, host_of_request, name_platform
from portal.viewer import Viewer, set_viewer
from tenants.branding import find_brand
from tenants.permissions import Permission
from tenants.signed_in import Identity
from tenants.signin_accounts import find_reseller
from tenants.signin_sessions import Area


@dataclass(frozen=True, slots=True)
class Door:
    """Endpoints of a door begin with its `prefix`; `area` is how accounts are looked for."""

    realm: Realm
    area: Area
    areas: tuple[Area, ...]
    prefix: str

    def url(self, endpoint: str, **values: str | None) -> str:
        """The path of one of this door's pages."""
        given = {name: value for name, value in values.items() if value}
        return url_for(f"signin.{self.prefix}{endpoint}", **given)  # type: ignore[arg-type]

    @property
    def portal_code(self) -> str:
        """The tenant's code that the address names, as `?portal=`."""
        return request.args.get("portal", "")[:40]


STAFF = Door(realm="staff", area="office", areas=("office", "platform"), prefix="")
PANEL = Door(realm="panel", area="panel", areas=("panel",), prefix="panel_")


def door_of(identity: Identity) -> Door:
    """The door that the person came in by."""
    return PANEL if identity.area == "panel" else STAFF


def enter_tenant(session: Session, door: Door) -> int | None:
    """The tenant that this page belongs to, if its host name or address says so.

    The page then carries the tenant's name, logo and colour.
    """
    reseller = find_reseller(session, host=host_of_request(), code=door.portal_code)
    if reseller is None:
        name_platform(session)
        return None
    brand = find_brand(session, reseller_id=reseller.id)
    if brand is not None:
        set_viewer(branded(Viewer(name="", area="public"), brand))
    return reseller.id


def page_after(identity: Identity, wanted: str | None) -> str:
    """Where to go after sign-in: the wanted page if it is one of the person's own, else home."""
    page = safe_next(wanted, panel=identity.area == "panel")
    if page is not None and identity.area != "panel":
        foreign = "/platform" if identity.area == "office" else "/office"
        page = None if page.startswith(foreign) else page
    if page is not None and page != "/":
        return page
    return _home(identity)


def _home(identity: Identity) -> str:
    if identity.area == "panel":
        return "/clients/"
    if identity.area == "platform":
        return "/platform/"
    if Permission.CLIENTS_READ in identity.permissions:
        return "/office/clients"
    groups = menu_for(viewer_of(identity))
    return groups[0].links[0].href if groups else url_for("signin.account")
