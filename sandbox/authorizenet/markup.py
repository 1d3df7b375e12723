"""The sandbox's HTML: one layout, everything escaped, no script."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape


class Markup(str):
    """HTML that is safe already."""

    __slots__ = ()


@dataclass(frozen=True)
class Response:
    """What goes back over HTTP."""

    status: int
    body: bytes
    content_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


Part = Markup | str | None


def tag(name: str, /, *parts: Part, **attributes: str | bool | None) -> Markup:
    """An element; text is escaped. `class_` and `for_` lose their underscore."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    inner = "".join(part if isinstance(part, Markup) else escape(part) for part in parts if part)
    if name in ("input", "meta", "link", "br"):
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{inner}</{name}>")


def join(parts: Iterable[Markup]) -> Markup:
    """Several pieces as one."""
    return Markup("".join(parts))


def table(heads: Sequence[str], rows: Sequence[Sequence[Part]], empty: str) -> Markup:
    """A table, or a line that says why there is none."""
    if not rows:
        return tag("p", empty, class_="empty")
    head = tag("tr", join(tag("th", name, scope="col") for name in heads))
    body = join(tag("tr", join(tag("td", cell) for cell in row)) for row in rows)
    return tag("div", tag("table", tag("thead", head), tag("tbody", body)), class_="scroll")


def page(
    title: str,
    *parts: Part,
    status: int = 200,
    form_target: str = "",
    wide: bool = False,
    of: str = "Authorize.net",
) -> Response:
    """A whole page. `form_target` is the foreign origin that a form may lead to.

    `of` names the gateway that this sandbox stands for.
    """
    head = join(
        [
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("title", title),
            tag("link", rel="stylesheet", href="/sandbox.css"),
        ]
    )
    main = tag("main", *parts, class_="wide" if wide else "narrow")
    note = tag("p", f"Sandbox of {of}. No money moves here; use test cards only.", class_="banner")
    document = "<!doctype html>" + tag(
        "html", tag("head", head), tag("body", note, main), lang="en"
    )
    policy = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none';"
        f" frame-ancestors 'none'; form-action 'self' {form_target}"
    )
    return Response(
        status,
        document.encode(),
        headers={"Content-Security-Policy": policy.strip(), "Cache-Control": "no-store"},
    )


def redirect(url: str) -> Response:
    """See other."""
    return Response(303, b"", headers={"Location": url, "Cache-Control": "no-store"})


def _attribute(key: str, value: str | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    return "" if value is None or value is False else f' {name}="{escape(value)}"'
