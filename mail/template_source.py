"""The program's own letter as a reseller may begin to change it: in one language, with variables.

Texts are translated and put in place, `_("Hello %(name)s", name=name)` becomes
`Hallo {{ name }}`; conditions and loops stay. Filled in, it says the very same.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from babel.support import NullTranslations, Translations
from jinja2 import nodes

from core.errors import InvariantError
from mail.letters import FOLDER, get_environment, get_translations, known_locale

_COMPARISONS = {"eq": "==", "ne": "!=", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<="}
_PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%%")
_MANY = 5


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """The three texts of a letter, in the language of `mail.template_language`."""

    subject: str
    body_text: str
    body_html: str


def unfold_letter(name: str, locale: str) -> TemplateSource:
    """The program's own letter `name` in `locale` as such a source."""
    unfold = _Unfolder(known_locale(locale))
    parts = (unfold.read(f"{name}.{part}").strip() for part in ("subject", "txt", "html"))
    return TemplateSource(*parts)


class _Unfolder:
    def __init__(self, locale: str) -> None:
        self._environment = get_environment(locale)
        self._translations: Translations | NullTranslations = get_translations(locale)

    def read(self, file: str) -> str:
        tree = self._environment.parse((FOLDER / file).read_text())
        blocks = {block.name: block for block in tree.find_all(nodes.Block)}
        return self._all(blocks["body"].body if "body" in blocks else tree.body)

    def _all(self, parts: Sequence[nodes.Node]) -> str:
        return "".join(self._one(part) for part in parts)

    def _one(self, node: nodes.Node) -> str:
        if isinstance(node, nodes.Output):
            return "".join(self._output(part) for part in node.nodes)
        if isinstance(node, nodes.If):
            return self._condition(node)
        if isinstance(node, nodes.For):
            head = f"{{% for {_write(node.target)} in {_write(node.iter)} %}}\n"
            return f"{head}{self._all(node.body)}{{% endfor %}}\n"
        raise InvariantError(f"a letter may not hold {type(node).__name__}")

    def _condition(self, node: nodes.If) -> str:
        written = [f"{{% if {_write(node.test)} %}}\n{self._all(node.body)}"]
        written += [
            f"{{% elif {_write(other.test)} %}}\n{self._all(other.body)}" for other in node.elif_
        ]
        if node.else_:
            written.append(f"{{% else %}}\n{self._all(node.else_)}")
        # the line break after a statement is taken away again when the text is filled in
        return "".join(written) + "{% endif %}\n"

    def _output(self, node: nodes.Node) -> str:
        if isinstance(node, nodes.TemplateData):
            return node.data
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
            return self._text(node, node.node.name)
        return f"{{{{ {_write(node)} }}}}"

    def _text(self, call: nodes.Call, function: str) -> str:
        values = {pair.key: _write(pair.value) for pair in call.kwargs}
        first, *more = call.args
        message = _text_of(first)
        if function in ("_", "gettext"):
            return _fill(self._translations.ugettext(message), values)
        if function != "ngettext":
            raise InvariantError(f"a letter may not call {function}")
        plural, number = _text_of(more[0]), _write(more[1])
        values = {"num": number, **values}
        one, many = (
            _fill(self._translations.ungettext(message, plural, count), values)
            for count in (1, _MANY)
        )
        return f"{{% if {number} == 1 %}}{one}{{% else %}}{many}{{% endif %}}\n"


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(
        lambda found: "%" if found[0] == "%%" else f"{{{{ {values[found[1]]} }}}}", text
    )


def _text_of(node: nodes.Node) -> str:
    if not isinstance(node, nodes.Const):
        raise InvariantError("a text of a letter is written in place")
    return str(node.value)


def _write(node: nodes.Node) -> str:
    """An expression as it was written."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Const):
        return "none" if node.value is None else json.dumps(node.value)
    if isinstance(node, nodes.Getattr):
        return f"{_write(node.node)}.{node.attr}"
    if isinstance(node, nodes.Filter) and node.node is not None:
        given = f"({', '.join(map(_write, node.args))})" if node.args else ""
        return f"{_write(node.node)}|{node.name}{given}"
    if isinstance(node, nodes.Compare):
        more = (f" {_COMPARISONS[one.op]} {_write(one.expr)}" for one in node.ops)
        return _write(node.expr) + "".join(more)
    if isinstance(node, nodes.And | nodes.Or):
        word = "and" if isinstance(node, nodes.And) else "or"
        return f"{_write(node.left)} {word} {_write(node.right)}"
    if isinstance(node, nodes.Not):
        return f"not {_write(node.node)}"
    raise InvariantError(f"a letter may not hold {type(node).__name__}")
