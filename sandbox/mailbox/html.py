"""Cleans the HTML part of a received message for display in a sandboxed frame."""

from collections.abc import Mapping
from html import escape
from html.parser import HTMLParser

VOID_TAGS = frozenset({"br", "col", "hr", "img"})
TAGS = VOID_TAGS | {
    *("a", "abbr", "b", "blockquote", "caption", "center", "code", "colgroup", "div", "em"),
    *("font", "h1", "h2", "h3", "h4", "h5", "h6", "i", "li", "ol", "p", "pre", "s", "small"),
    *("span", "strong", "style", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead"),
    *("tr", "u", "ul"),
}
ATTRIBUTES = frozenset(
    {
        *("align", "alt", "bgcolor", "border", "cellpadding", "cellspacing", "class", "color"),
        *("colspan", "dir", "height", "lang", "role", "rowspan", "style", "title", "valign"),
        "width",
    }
)
DROPPED_WITH_CONTENT = frozenset(
    {"script", "head", "iframe", "object", "noscript", "svg", "math", "template", "title"}
)
LINK_SCHEMES = ("http://", "https://", "mailto:", "tel:")
PICTURE_TYPES = ("data:image/png;", "data:image/jpeg;", "data:image/gif;")


class _Cleaner(HTMLParser):
    def __init__(self, pictures: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=True)
        self._pictures = pictures
        self._dropping: list[str] = []
        self._in_style = False
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "style":  # allowed inside a dropped head: the frame's policy lets it load nothing
            self._in_style = True
            self.parts.append("<style>")
        elif tag in DROPPED_WITH_CONTENT:
            self._dropping.append(tag)
        elif tag in TAGS and not self._dropping:
            kept = "".join(self._attribute(tag, name, value or "") for name, value in attrs)
            safety = ' target="_blank" rel="noopener noreferrer"' if tag == "a" else ""
            self.parts.append(f"<{tag}{kept}{safety}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID_TAGS:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self._in_style = False
            self.parts.append("</style>")
        elif tag in DROPPED_WITH_CONTENT:
            if tag in self._dropping:
                del self._dropping[self._dropping.index(tag) :]
        elif tag in TAGS and tag not in VOID_TAGS and not self._dropping:
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.parts.append(data.replace("<", ""))
        elif not self._dropping:
            self.parts.append(escape(data))

    def _attribute(self, tag: str, name: str, value: str) -> str:
        address = value.strip()
        if tag == "a" and name == "href":
            wanted = address if address.lower().startswith(LINK_SCHEMES) else ""
        elif tag == "img" and name == "src":
            wanted = self._picture(address)
        else:
            wanted = value if name in ATTRIBUTES else ""
        return f' {name}="{escape(wanted)}"' if wanted else ""

    def _picture(self, address: str) -> str:
        if address.lower().startswith("cid:"):
            return self._pictures.get(address[4:], "")
        return address if address.lower().startswith(PICTURE_TYPES) else ""


def clean_html(html: str, *, pictures: Mapping[str, str]) -> str:
    """The message's markup without scripts, forms, frames and remote pictures.

    `pictures` gives an address for each Content-ID that an <img src="cid:…"> may name.
    """
    cleaner = _Cleaner(pictures)
    cleaner.feed(html)
    cleaner.close()
    return "".join(cleaner.parts)
