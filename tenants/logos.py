"""Logos: what is uploaded is decoded with care and drawn anew, so only our own PNG is ever shown.

Nothing of the uploaded bytes is kept: no script of an SVG, no second file behind a picture, no
position where a photograph was taken.
"""

import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError
from sqlalchemy import select, update

from core.db import Session
from core.errors import InvalidInputError
from tenants import audit
from tenants.brand_models import ResellerLogo
from tenants.files import create_file
from tenants.models import File, Reseller

MAX_UPLOAD_BYTES = 2_000_000
MAX_PIXELS = 16_000_000
FORMATS = ("PNG", "JPEG", "WEBP")
BOX = (600, 160)
"""The largest size, in pixels, that a logo is kept in: sharp on paper at 60 by 16 mm."""
# what an invoice takes (billing.invoice_brand); a noisy picture is made smaller until it fits
MAX_STORED_BYTES = 250_000
# what Pillow says to files that are none, or that claim to be enormous
_BROKEN = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    SyntaxError,
    ValueError,
    Warning,
)
_CANNOT_READ = "Choose a picture: PNG, JPEG or WebP."


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG that we have drawn."""

    content: bytes
    width: int
    height: int


def draw_logo(uploaded: bytes) -> Picture:
    """The picture drawn anew as PNG, made smaller to fit into BOX.

    Raises InvalidInputError at `logo` for another format, a broken file, and one that is too large,
    before its pixels are decoded.
    """
    if not uploaded:
        raise InvalidInputError(_CANNOT_READ, "logo")
    if len(uploaded) > MAX_UPLOAD_BYTES:
        raise InvalidInputError("The picture is larger than 2 MB.", "logo")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(uploaded), formats=FORMATS) as image:
                _check_size(image)
                upright = ImageOps.exif_transpose(image).convert("RGBA")
    except _BROKEN as error:
        raise InvalidInputError(_CANNOT_READ, "logo") from error
    box = BOX
    while True:
        picture = _encode(upright, box)
        if len(picture.content) <= MAX_STORED_BYTES:
            return picture
        box = (box[0] * 4 // 5, box[1] * 4 // 5)


def save_logo(session: Session, reseller_id: int, picture: Picture) -> None:
    """Use this logo from now on; invoices already issued keep the one they had."""
    file = create_file(
        session,
        reseller_id=reseller_id,
        client_id=None,
        name="logo.png",
        media_type="image/png",
        content=picture.content,
    )
    before = _put_away(session, reseller_id)
    session.add(
        ResellerLogo(
            reseller_id=reseller_id,
            file_id=file.id,
            width=picture.width,
            height=picture.height,
            is_current=True,
        )
    )
    session.flush()
    _record(session, reseller_id, before, f"{picture.width} × {picture.height}")


def remove_logo(session: Session, reseller_id: int) -> None:
    """Show the name instead from now on; done twice it changes nothing."""
    before = _put_away(session, reseller_id)
    if before is not None:
        _record(session, reseller_id, before, None)


def find_logo(session: Session, reseller_id: int) -> ResellerLogo | None:
    """The logo in use; its bytes are the file's."""
    return session.scalar(
        select(ResellerLogo).where(ResellerLogo.reseller_id == reseller_id, ResellerLogo.is_current)
    )


def find_logo_file(session: Session, reseller_id: int) -> File | None:
    """The file of the logo in use; its content is loaded when it is asked for."""
    return session.scalar(
        select(File)
        .join(ResellerLogo, ResellerLogo.file_id == File.id)
        .where(
            ResellerLogo.reseller_id == reseller_id,
            ResellerLogo.is_current,
            File.reseller_id == reseller_id,
        )
    )


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if not 0 < width * height <= MAX_PIXELS:
        raise InvalidInputError("The picture has too many pixels.", "logo")


def _encode(image: Image.Image, box: tuple[int, int]) -> Picture:
    small = image.copy()
    small.thumbnail(box, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "PNG", optimize=True)
    return Picture(out.getvalue(), *small.size)


def _put_away(session: Session, reseller_id: int) -> str | None:
    # the reseller's row is the lock: two uploads at once follow each other
    session.execute(select(Reseller.id).where(Reseller.id == reseller_id).with_for_update())
    before = find_logo(session, reseller_id)
    session.execute(
        update(ResellerLogo)
        .where(ResellerLogo.reseller_id == reseller_id, ResellerLogo.is_current)
        .values(is_current=False)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
    return None if before is None else f"{before.width} × {before.height}"


def _record(session: Session, reseller_id: int, before: str | None, after: str | None) -> None:
    audit.record(
        session,
        reseller_id=reseller_id,
        action="update",
        object_type="reseller",
        object_id=reseller_id,
        object_label=session.scalar(select(Reseller.name).where(Reseller.id == reseller_id)) or "",
        changes={"logo": (before, after)},
    )
