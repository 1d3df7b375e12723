"""The pages a developer reads: list, message, its HTML part in a frame, its files."""

import re
from pathlib import Path
from urllib.parse import quote

from flask import Blueprint, Response, abort, request, url_for
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sandbox.mailbox.html import clean_html
from sandbox.mailbox.store import Attachment, Message, Store, Summary

PAGE_SIZE = 50
VIEWED_TYPES = frozenset({"application/pdf", "image/png", "image/jpeg", "image/gif", "text/plain"})
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# mails are styled inline; nothing can be loaded or run, and links open outside the frame
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
# a sandboxed document may not start the browser's PDF viewer, so a file's policy has no sandbox
FILE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; object-src 'self'; "
    "frame-ancestors 'none'"
)
WEB_ADDRESS = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")


def _linked(text: str) -> Markup:
    """Plain text with its web addresses made into links."""
    parts: list[Markup | str] = []
    end = 0
    for match in WEB_ADDRESS.finditer(text):
        parts.append(text[end : match.start()])
        link = Markup('<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>')
        parts.append(link.format(match.group()))
        end = match.end()
    parts.append(text[end:])
    return Markup("").join(parts)


def _size(size_bytes: int) -> str:
    return f"{size_bytes} B" if size_bytes < 1024 else f"{size_bytes / 1024:.1f} KB"


def _disposition(kind: str, filename: str) -> str:
    return f"{kind}; filename*=UTF-8''{quote(filename, safe='')}"


def _window(found: list[Summary], before: str) -> tuple[list[Summary], str]:
    """One page of the list and the id to go on from, empty at the end."""
    rest = [summary for summary in found if not before or summary.id < before]
    page = rest[:PAGE_SIZE]
    return page, page[-1].id if len(rest) > PAGE_SIZE else ""


def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(linked=_linked, size=_size)
    templates.globals.update(viewed_types=VIEWED_TYPES, url_for=url_for)
    return templates


TEMPLATES = _templates()


def show_page(name: str, **values: object) -> Response:
    """A page of ours under the strict policy."""
    html = TEMPLATES.get_template(name).render(**values)
    return Response(html, headers={"Content-Security-Policy": PAGE_POLICY})


def get_message(store: Store, message_id: str) -> Message:
    """The message, or the answer 404."""
    message = store.find_message(message_id)
    if message is None:
        abort(404, "There is no such message; it may have been cleared.")
    return message


def _get_attachment(store: Store, message_id: str, number: int) -> Attachment:
    attachments = get_message(store, message_id).attachments
    if number >= len(attachments):
        abort(404, "The message has no such attachment.")
    return attachments[number]


def _frame(message: Message) -> Response:
    pictures = {
        one.content_id: url_for(
            "pages.view_attachment", message_id=message.summary.id, number=one.number
        )
        for one in message.attachments
        if one.content_id and one.content_type in VIEWED_TYPES
    }
    page = show_page("frame.html", body=Markup(clean_html(message.html, pictures=pictures)))
    page.headers["Content-Security-Policy"] = MAIL_POLICY
    return page


def make_pages(store: Store) -> Blueprint:
    """The pages over a store of messages."""
    pages = Blueprint("pages", __name__, static_folder="static")

    @pages.get("/")
    def list_messages() -> Response:
        to = request.args.get("to", "").strip()
        found = store.list_summaries(to)
        messages, before = _window(found, request.args.get("before", ""))
        return show_page("list.html", messages=messages, to=to, before=before, total=len(found))

    @pages.get("/messages/<message_id>")
    def show_message(message_id: str) -> Response:
        return show_page("message.html", message=get_message(store, message_id))

    @pages.get("/messages/<message_id>/html")
    def show_html(message_id: str) -> Response:
        return _frame(get_message(store, message_id))

    @pages.get("/messages/<message_id>/raw")
    def show_raw(message_id: str) -> Response:
        return Response(
            get_message(store, message_id).raw,
            content_type="message/rfc822",
            headers={"Content-Disposition": _disposition("attachment", f"{message_id}.eml")},
        )

    @pages.get("/messages/<message_id>/attachments/<int:number>")
    def show_attachment(message_id: str, number: int) -> Response:
        attachment = _get_attachment(store, message_id, number)
        return Response(
            attachment.content,
            content_type="application/octet-stream",
            headers={"Content-Disposition": _disposition("attachment", attachment.filename)},
        )

    @pages.get("/messages/<message_id>/attachments/<int:number>/view")
    def view_attachment(message_id: str, number: int) -> Response:
        attachment = _get_attachment(store, message_id, number)
        if attachment.content_type not in VIEWED_TYPES:
            abort(404, "This kind of file can only be downloaded.")
        return Response(
            attachment.content,
            content_type=attachment.content_type,
            headers={
                "Content-Disposition": _disposition("inline", attachment.filename),
                "Content-Security-Policy": FILE_POLICY,
            },
        )

    return pages
