"""Who is looking: all that layouts, navigation and formatting may know about the person."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import flask_babel
from flask import g, has_request_context

Area = Literal["office", "platform", "panel", "public"]


@dataclass(frozen=True, slots=True)
class ActingAs:
    """The banner of staff signed in as somebody beneath: who is there, as whom, until when."""

    by: str
    name: str
    detail: str
    until: datetime
    minutes_left: int
    may_switch: bool
    may_write: bool
    end_endpoint: str
    writing_endpoint: str


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person in front of the screen, as far as presentation needs to know."""

    name: str
    area: Area
    reseller_name: str = ""
    permissions: frozenset[str] = frozenset()
    locale: str | None = None
    """Babel locale such as `de`; empty means what the browser prefers."""
    timezone: str = "UTC"
    """IANA name; instants on screen are shown in it."""
    detail: str = ""
    """Second line under the name: an e-mail address or a role."""
    banner: str = ""
    """One line above every page, for example that somebody acts for another person."""
    sign_out_endpoint: str = ""
    profile_endpoint: str = ""
    acting: ActingAs | None = None
    brand_css: str = ""
    """Address of a generated style sheet that sets `--brand`."""
    brand_logo: str = ""
    """Address of the reseller's logo; empty: its name stands there."""
    banner_level: str = "warn"
    """Tone of the banner: info, warn or bad."""

    has_shortcuts: bool = True
    """Single keys act: `/`, `n`, `j`, `k`, `?`."""

    @property
    def is_signed_in(self) -> bool:
        return self.area != "public"

    def may(self, permission: str | None) -> bool:
        """True when `permission` is among the viewer's own, or none is asked for."""
        return permission is None or permission in self.permissions


ANONYMOUS = Viewer(name="", area="public")


def current_viewer() -> Viewer:
    """The viewer of this request; anonymous until access control has said who it is."""
    if not has_request_context():
        return ANONYMOUS
    viewer: Viewer = g.get("viewer", ANONYMOUS)
    return viewer


def set_viewer(viewer: Viewer) -> None:
    """Say who this request's viewer is; only access control and sign-in call this."""
    g.viewer = viewer
    # the language may have been chosen already, from the browser's wishes
    flask_babel.refresh()
