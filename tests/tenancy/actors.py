"""Who asks: everybody of the cast, each with a browser, rights, and what may never be read."""

from dataclasses import dataclass

from flask import Flask

from core.platform_uow import platform_unit_of_work
from tenants.permissions import ALL_PERMISSIONS, PLATFORM_ROLES, VIEWER_PERMISSIONS
from tenants.signin_sessions import Area, begin_session
from tests.portal.browser import Browser, open_browser
from tests.tenancy.routes import Row
from tests.tenancy.world import Owner, Tenant, World

NAMES = (
    "anonymous",
    "acme owner",
    "acme viewer",
    "west owner",
    "globex owner",
    "empty owner",
    "acme client",
    "acme neighbour",
    "globex client",
    "empty client",
    "platform admin",
    "platform viewer",
)


@dataclass(frozen=True)
class Actor:
    """`home` is the own owner of objects; `forbidden` are the tokens it must never read."""

    name: str
    area: str
    home: Owner | None
    permissions: frozenset[str]
    forbidden: tuple[str, ...]
    token: str = ""

    def is_let_in(self, row: Row) -> bool:
        """Whether the view runs at all for this person."""
        area = row.access.area
        if area == "public":
            return True
        if area == "staff":
            return self.area in {"office", "platform"}
        may = row.access.permission is None or row.access.permission in self.permissions
        return self.area == area and may

    def browser(self, app: Flask) -> Browser:
        """A browser in which this person is signed in."""
        browser = open_browser(app)
        if self.token:
            browser.give_cookie(self.area, self.token)  # type: ignore[arg-type]
        return browser


def make_actors(world: World) -> dict[str, Actor]:
    """Everybody with a session of their own."""
    acme, globex, west, empty = world.acme, world.globex, world.west, world.empty
    everything = acme.tokens + globex.tokens + west.tokens
    return {
        actor.name: actor
        for actor in (
            Actor("anonymous", "public", None, frozenset(), everything),
            _staff("acme owner", acme, owner=True, forbidden=globex.tokens),
            _staff("acme viewer", acme, owner=False, forbidden=globex.tokens),
            _staff("west owner", west, owner=True, forbidden=acme.tokens + globex.tokens),
            _staff("globex owner", globex, owner=True, forbidden=acme.tokens + west.tokens),
            _staff("empty owner", empty, owner=True, forbidden=everything),
            _client("acme client", acme, 0, globex.tokens + west.tokens),
            _client("acme neighbour", acme, 1, globex.tokens + west.tokens),
            _client("globex client", globex, 0, acme.tokens + west.tokens),
            _client("empty client", empty, 0, everything),
            _platform("platform admin", world.platform_admin_id, "admin"),
            _platform("platform viewer", world.platform_viewer_id, "viewer"),
        )
    }


def _staff(name: str, tenant: Tenant, *, owner: bool, forbidden: tuple[str, ...]) -> Actor:
    user_id = tenant.cast.owner_id if owner else tenant.cast.viewer_id
    permissions = ALL_PERMISSIONS if owner else VIEWER_PERMISSIONS
    token = _begin("office", user_id, tenant.id)
    return Actor(name, "office", tenant.first, frozenset(permissions), forbidden, token)


def _client(name: str, tenant: Tenant, number: int, forbidden: tuple[str, ...]) -> Actor:
    home = tenant.owners[number]
    others = [owner for owner in tenant.owners if owner is not home]
    neighbours = tuple(token for one in others for token in (one.token, one.figure))
    token = _begin("panel", home.client.id, tenant.id)
    return Actor(name, "panel", home, frozenset(), forbidden + neighbours, token)


def _platform(name: str, user_id: int, role: str) -> Actor:
    token = _begin("platform", user_id, None)
    return Actor(name, "platform", None, frozenset(PLATFORM_ROLES[role]), (), token)


def _begin(area: Area, subject_id: int, reseller_id: int | None) -> str:
    with platform_unit_of_work() as session:
        return begin_session(
            session,
            area=area,
            subject_id=subject_id,
            reseller_id=reseller_id,
            ip="127.0.0.1",
            user_agent="Matrix",
        )
