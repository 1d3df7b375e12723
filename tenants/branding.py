"""The brand of a tenant: what its clients see of it, and the style sheet that its colour makes."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, func, select

from core.db import Session
from tenants.brand_models import ResellerLogo
from tenants.colours import WHITE, contrast, ink_on, readable_on
from tenants.models import File, Reseller

DEFAULT_COLOR = "#0b5cad"
"""What pages wear without a brand (`static/css/base.css`)."""
# the darkest of the light grounds that links stand on, and the lightest of the dark ones
_LIGHT_GROUND = "#e9edf2"
_DARK_GROUND = "#2a323b"


@dataclass(frozen=True, slots=True)
class Brand:
    """`version` is another one whenever anything of the brand is; `color` may be empty."""

    code: str
    name: str
    color: str
    version: int
    logo_id: UUID | None


def find_brand(
    session: Session, *, reseller_id: int | None = None, code: str | None = None
) -> Brand | None:
    """The brand of a tenant by its id or its code; None when there is no such tenant."""
    if code is not None and "\0" in code:
        return None
    row = session.execute(
        select(
            Reseller.code,
            Reseller.name,
            Reseller.brand_color,
            Reseller.version,
            ResellerLogo.file_id,
        )
        .outerjoin(
            ResellerLogo,
            and_(ResellerLogo.reseller_id == Reseller.id, ResellerLogo.is_current),
        )
        .where(Reseller.id == reseller_id if code is None else Reseller.code == code.lower())
    ).one_or_none()
    return None if row is None else Brand(*row)


def find_logo_content(session: Session, code: str) -> bytes | None:
    """The PNG of the tenant's logo in use."""
    content: bytes | None = session.scalar(
        select(File.content)
        .join(ResellerLogo, ResellerLogo.file_id == File.id)
        .join(Reseller, Reseller.id == ResellerLogo.reseller_id)
        .where(
            Reseller.code == code.lower(),
            ResellerLogo.is_current,
            File.reseller_id == Reseller.id,
        )
    )
    return content


def is_portal_host(session: Session, host: str) -> bool:
    """Whether any tenant's clients sign in at this host name."""
    if "\0" in host:
        return False
    found = session.scalar(
        select(func.count()).select_from(Reseller).where(Reseller.portal_host == host)
    )
    return bool(found)


def style_sheet(color: str, *, only_in: str = "") -> str:
    """CSS that sets the colour, what stands on it, and shades of it that can be read as text.

    For the whole page, or inside `only_in`, a class name. Empty for no colour.
    """
    if not color:
        return ""
    ink = ink_on(color)
    # pressed buttons go away from their text, never towards it
    strong = "#000" if ink == WHITE else "#fff"
    base = (
        f"--brand: {color}; --brand-ink: {ink};"
        f" --brand-strong: color-mix(in oklab, {color}, {strong} 16%);"
        f" --bs-primary: {color};"
    )
    light, dark = readable_on(color, _LIGHT_GROUND), readable_on(color, _DARK_GROUND)
    if only_in:
        return (
            f".{only_in} {{ {base} }}\n"
            f".{only_in}-light {{ --link: {light}; }}\n"
            f".{only_in}-dark {{ --link: {dark}; }}\n"
        )
    return (
        f":root {{ --brand: {color}; --brand-ink: {ink}; }}\n"
        f"body {{ {base} --link: {light}; }}\n"
        f'[data-bs-theme="dark"] body {{ --link: {dark}; }}\n'
    )


def lowest_contrast(color: str) -> float:
    """The lowest contrast that any text in or on this colour has; never below READABLE."""
    return min(
        contrast(color, ink_on(color)),
        contrast(readable_on(color, _LIGHT_GROUND), _LIGHT_GROUND),
        contrast(readable_on(color, _DARK_GROUND), _DARK_GROUND),
    )
