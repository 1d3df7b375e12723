"""A reseller's own Typst source instead of our layout: kept by digest, drawn in a child process.

The source is foreign code. It runs with bounded time and memory, sees no file but itself (its
root is an empty folder), no package and no network, and gets nothing but the invoice's own data:
`json(bytes(sys.inputs.invoice))`, the same that our layout reads.
"""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from billing import source_child
from billing.invoice_models import InvoiceSource
from billing.invoice_pdf import LAYOUT, InvoiceDocument, document_inputs
from billing.typst_drawing import FONT_FOLDER, PREVIEW_PPI, STANDARDS
from core.db import Session
from core.errors import InvalidInputError, NotFoundError

SOURCE_LENGTH = 100_000
WALL_SECONDS = 8
_PLACE = re.compile(r"┌─ .*?\.typ:(\d+):(\d+)")
_MESSAGE_LENGTH = 300


class SourceRefusedError(InvalidInputError):
    """The source cannot be drawn; the message says why, with the line where it is known."""

    code = "source_refused"


def keep_source(session: Session, reseller_id: int, source: str) -> str | None:
    """Store the source and give its digest; None for an empty one, which is our own layout.

    Draw it first with `draw_source`: what is kept here is not looked at again.
    """
    if not source.strip():
        return None
    digest = hashlib.sha256(source.encode()).hexdigest()
    session.execute(
        insert(InvoiceSource)
        .values(reseller_id=reseller_id, digest=digest, source=source)
        .on_conflict_do_nothing()
    )
    return digest


def get_source(session: Session, reseller_id: int, digest: str | None) -> str:
    """The source of a digest, "" for none; raises NotFoundError."""
    if digest is None:
        return ""
    source = session.scalar(
        select(InvoiceSource.source).where(
            InvoiceSource.reseller_id == reseller_id, InvoiceSource.digest == digest
        )
    )
    if source is None:
        raise NotFoundError("The source of this invoice is not there.")
    return source


def built_in_source() -> str:
    """Our own layout, to begin from."""
    return LAYOUT.read_text(encoding="utf-8")


def draw_source(source: str, document: InvoiceDocument, *, png: bool = False) -> bytes:
    """The document as the source lays it out: PDF, or the first page as PNG.

    Raises SourceRefusedError, also when it takes too much time or memory.
    """
    if len(source) > SOURCE_LENGTH:
        raise SourceRefusedError("Use at most %(count)s characters.", "source", count=SOURCE_LENGTH)
    with tempfile.TemporaryDirectory(prefix="layout-") as root:
        return _run(
            {
                "source": source,
                "inputs": document_inputs(document),
                "root": root,
                "fonts": str(FONT_FOLDER),
                "format": "png" if png else "pdf",
                "ppi": PREVIEW_PPI,
                "standards": [] if png else list(STANDARDS),
                # noon of the invoice's day: the same bytes at every hour
                "timestamp": _noon(document),
            },
            root,
        )


def _noon(document: InvoiceDocument) -> int:
    return (document.invoice_on.toordinal() - 719_163) * 86_400 + 43_200


def _run(request: dict[str, Any], root: str) -> bytes:
    command = [sys.executable, "-I", str(Path(source_child.__file__))]
    try:
        done = subprocess.run(  # noqa: S603 - our own file, no shell
            command,
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=WALL_SECONDS,
            cwd=root,
            env={"HOME": root, "TMPDIR": root},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_much() from None
    head, _line_end, drawn = done.stdout.partition(b"\n")
    if not head:
        # killed by a limit, or out of memory
        raise _too_much()
    answer = json.loads(head)
    if "unsafe" in answer:
        raise SourceRefusedError("Own sources cannot be drawn on this machine.", "source")
    if not answer.get("ok"):
        raise _refusal(answer["message"], answer["diagnostic"])
    if not drawn:
        raise SourceRefusedError("The source draws no page.", "source")
    return drawn


def _too_much() -> SourceRefusedError:
    return SourceRefusedError("The source takes too much time or memory.", "source")


def _refusal(message: str, diagnostic: str) -> SourceRefusedError:
    """Typst's own words, without the paths of our machine."""
    text = " ".join(message.split())[:_MESSAGE_LENGTH]
    if text.startswith("file not found"):
        text = "file not found"
    elif "failed to download package" in text or "package not found" in text:
        text = "packages cannot be used here"
    place = _PLACE.search(diagnostic)
    if place is None:
        return SourceRefusedError("Typst says: %(message)s", "source", message=text)
    return SourceRefusedError(
        "Line %(line)s, column %(column)s: Typst says: %(message)s",
        "source",
        line=place.group(1),
        column=place.group(2),
        message=text,
    )
