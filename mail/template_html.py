"""Which HTML may stand in a reseller's mail: what mail programs show, and nothing that acts."""

import re
from html.parser import HTMLParser

from mail.template_language import TemplateProblem

_ATTRIBUTES = frozenset({"align", "class", "dir", "lang", "title", "valign"})
_TAGS: dict[str, frozenset[str]] = {
    "a": frozenset({"href"}),
    **dict.fromkeys(
        (
            "b", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "hr", "i", "li", "ol",
            "p", "pre", "small", "span", "strong", "sub", "sup", "tbody", "thead", "tr", "u", "ul",
        ),
        frozenset[str](),
    ),
    "table": frozenset({"border", "cellpadding", "cellspacing", "role", "width"}),
    "td": frozenset({"colspan", "rowspan", "width"}),
    "th": frozenset({"colspan", "rowspan", "scope", "width"}),
}  # fmt: skip
_STATEMENT = re.compile(r"{%.*?%}|{#.*?#}", re.DOTALL)
_VALUE = re.compile(r"{{(.*?)}}", re.DOTALL)
# what a value is replaced by for reading: letters, so that in a tag it is part of the tag's name
_MARK = "xvaluex"
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_BEGUN_TAG = re.compile(r"<[a-zA-Z/!?]")
_ADDRESS = re.compile(rf"(https?://|mailto:|tel:|{_MARK}\w+_url{_MARK})", re.IGNORECASE)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags = 0

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.tags += 1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags += 1
        if tag not in _TAGS:
            raise TemplateProblem(
                "The tag <%(tag)s> may not stand in a mail.", "body_html", tag=_shown(tag)
            )
        if _MARK in _QUOTED.sub("", self.get_starttag_text() or ""):
            # without quotation marks a value with a space in it would be attributes of its own
            raise TemplateProblem(
                "Inside a tag a variable stands between quotation marks.", "body_html"
            )
        for name, value in attrs:
            if name not in _ATTRIBUTES | _TAGS[tag]:
                raise TemplateProblem(
                    "The attribute %(name)s of <%(tag)s> may not stand in a mail.",
                    "body_html",
                    name=_shown(name),
                    tag=tag,
                )
            if name == "href" and not _ADDRESS.match((value or "").strip()):
                raise TemplateProblem(
                    "A link leads to https://, mailto:, tel: or a variable that is an address.",
                    "body_html",
                )

    def handle_comment(self, data: str) -> None:
        raise TemplateProblem("Leave comments out.", "body_html")

    def handle_decl(self, decl: str) -> None:
        raise TemplateProblem(
            "Write only what stands inside the mail; its frame is added.", "body_html"
        )

    def unknown_decl(self, data: str) -> None:
        self.handle_decl(data)

    def handle_pi(self, data: str) -> None:
        self.handle_decl(data)


def check_html(source: str) -> None:
    """Raises TemplateProblem for a tag, attribute or link that is not listed."""
    plain = _VALUE.sub(lambda found: f"{_MARK}{_name(found[1])}{_MARK}", _STATEMENT.sub("", source))
    reader = _Reader()
    reader.feed(plain)
    reader.close()
    # the parser takes the rest for text; a browser would take what follows the text for the tag
    if len(_BEGUN_TAG.findall(plain)) != reader.tags:
        raise TemplateProblem("A tag has no end.", "body_html")


def _name(expression: str) -> str:
    return re.sub(r"\W", "", expression)


def _shown(name: str) -> str:
    return name.replace(_MARK, "…")[:40]
