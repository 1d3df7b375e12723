"""Which HTML may stand in a reseller's mail: what mail programs show, and nothing that acts."""

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser

from jinja2 import nodes

from mail.template_language import TemplateProblem, parse_source

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
# what a value is replaced by for reading: letters, so that in a tag it is part of the tag's name
_MARK = "xvaluex"
# what stands for a whole condition or loop: it must not be found inside a tag
_DECISION = "xdecisionx"
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
        if _DECISION in (self.get_starttag_text() or ""):
            # what a tag says would depend on the branch, and nobody can read all ways through
            raise TemplateProblem("Inside a tag no if or for may stand.", "body_html")
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
    """Raises TemplateProblem for a tag, attribute or link that is not listed.

    Every branch and the body of every loop is whole by itself, so whichever way is taken, what is
    sent is made of pieces that were read here.
    """
    for piece in _pieces(parse_source(source, "body_html").body):
        _check_piece(piece)


def _check_piece(plain: str) -> None:
    reader = _Reader()
    reader.feed(plain)
    reader.close()
    # the parser takes the rest for text; a browser would take what follows the text for the tag
    if len(_BEGUN_TAG.findall(plain)) != reader.tags:
        raise TemplateProblem("A tag has no end.", "body_html")


def _pieces(parts: Sequence[nodes.Node]) -> Iterator[str]:
    """The markup of these parts as one text, and that of everything inside them."""
    written: list[str] = []
    for part in parts:
        if isinstance(part, nodes.Output):
            written += [_written(one) for one in part.nodes]
        elif isinstance(part, nodes.If):
            written.append(_DECISION)
            yield from _pieces(part.body)
            yield from _pieces(part.elif_)
            yield from _pieces(part.else_)
        elif isinstance(part, nodes.For):
            written.append(_DECISION)
            yield from _pieces(part.body)
            yield from _pieces(part.else_)
        else:
            raise TemplateProblem("This is not allowed in a mail.", "body_html")
    yield "".join(written)


def _written(node: nodes.Node) -> str:
    if isinstance(node, nodes.TemplateData):
        return node.data
    # only the letter's own variable can be an address: not a text written into the braces
    name = node.name if isinstance(node, nodes.Name) else "value"
    return f"{_MARK}{name}{_MARK}"


def _shown(name: str) -> str:
    return name.replace(_MARK, "…").replace(_DECISION, "…")[:40]
