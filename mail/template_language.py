"""The small language of a reseller's own mail texts: variables, filters, conditions, one loop.

It is the part of Jinja that cannot reach anything: what may stand in a text is listed, node by
node, so there is nothing to call, no attribute to follow, nothing that makes a text grow but the
letter's own lists, and no loop inside a loop. Time and size are bounded by that and by the limits
below; Jinja's sandbox stands behind it once more.
"""

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from core.errors import InvalidInputError
from mail.letter_filters import make_filters

MAX_SOURCE = {"subject": 500, "body_text": 20_000, "body_html": 50_000}
MAX_OUTPUT = 300_000
MAX_NODES = 3000
LOOP_FACTS = frozenset({"first", "last", "index"})
FILTERS = {
    "subject": frozenset({"money", "day", "instant", "upper", "lower", "trim"}),
    "body_text": frozenset({"money", "day", "instant", "upper", "lower", "trim"}),
    "body_html": frozenset({"money", "day", "instant", "upper", "lower", "trim", "line_breaks"}),
}
_PLAIN_NODES = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Const,
    nodes.If,
    nodes.Compare,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.CondExpr,
)
_COMPARISONS = frozenset({"eq", "ne", "gt", "gteq", "lt", "lteq"})


class TemplateProblem(InvalidInputError):
    """Why a text cannot be taken; its `field` is the part that it stands in."""


class _Environment(ImmutableSandboxedEnvironment):
    """Only plain dicts are looked into; nothing is called."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ANN401 (Jinja's signature)
        return False

    def is_safe_callable(self, obj: Any) -> bool:  # noqa: ANN401 (as above)
        return False

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 (as above)
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        if type(obj).__name__ == "LoopContext" and attribute in LOOP_FACTS:
            return getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401 (as above)
        return self.undefined(obj=obj, name=str(argument))


@cache
def _get_environment(locale: str, field: str) -> _Environment:
    environment = _Environment(
        undefined=StrictUndefined,
        autoescape=field == "body_html",
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=0,
    )
    known: dict[str, Callable[..., Any]] = {
        **{name: environment.filters[name] for name in ("upper", "lower", "trim")},
        **make_filters(locale),
    }
    environment.globals.clear()
    environment.tests.clear()
    environment.filters = {name: known[name] for name in FILTERS[field]}
    return environment


def check_source(source: str, field: str, variables: Collection[str]) -> None:
    """Raises TemplateProblem for what is too long, unreadable, not allowed or no variable."""
    if len(source) > MAX_SOURCE[field]:
        raise TemplateProblem(
            "This text is too long: at most %(limit)s characters.", field, limit=MAX_SOURCE[field]
        )
    if "\x00" in source:
        raise TemplateProblem("This text holds a character that no mail can carry.", field)
    tree = parse_source(source, field)
    if sum(1 for _ in tree.find_all(nodes.Node)) > MAX_NODES:
        raise TemplateProblem("This text has too many parts.", field)
    for part in tree.body:
        _check_node(part, field, frozenset(variables), None)


def parse_source(source: str, field: str) -> nodes.Template:
    """The text as a tree; raises TemplateProblem for one that cannot be read."""
    try:
        return _get_environment("en", field).parse(source)
    except TemplateSyntaxError as error:
        raise TemplateProblem(
            "Line %(line)s cannot be read: %(reason)s", field, line=error.lineno, reason=error
        ) from error
    except RecursionError as error:
        raise TemplateProblem("This text is nested too deeply.", field) from error


def render_source(source: str, field: str, variables: Mapping[str, object], locale: str) -> str:
    """The text with the values put in; checked anew, for it may have been stored by anybody.

    Raises TemplateProblem; never anything else for whatever the source says.
    """
    check_source(source, field, variables)
    environment = _get_environment(locale, field)
    written: list[str] = []
    size = 0
    try:
        for piece in environment.from_string(source).generate(dict(variables)):
            size += len(piece)
            if size > MAX_OUTPUT:
                raise TemplateProblem("What comes out of this text is too long.", field)
            written.append(piece)
    except SecurityError as error:
        raise TemplateProblem("This is not allowed in a mail.", field) from error
    except (SyntaxError, MemoryError) as error:
        # Jinja makes Python of it, which takes no more than so many blocks inside each other
        raise TemplateProblem("This text is nested too deeply.", field) from error
    except (TemplateError, ArithmeticError, RecursionError) as error:
        raise TemplateProblem(
            "This text cannot be filled in: %(reason)s", field, reason=error
        ) from error
    except (TypeError, ValueError, AttributeError, LookupError, InvalidInputError) as error:
        if isinstance(error, TemplateProblem):
            raise
        raise TemplateProblem(
            "A filter or a comparison does not fit its value (%(reason)s).", field, reason=error
        ) from error
    return "".join(written)


def _check_node(node: nodes.Node, field: str, variables: frozenset[str], loop: str | None) -> None:
    """`loop` is the variable of the loop around the node, if there is one."""
    if isinstance(node, nodes.Name):
        _check_name(node, field, variables, loop)
    elif isinstance(node, nodes.Getattr):
        _check_attribute(node, field, loop)
    elif isinstance(node, nodes.Filter):
        _check_filter(node, field, variables, loop)
    elif isinstance(node, nodes.For):
        _check_loop(node, field, variables, loop)
    elif isinstance(node, nodes.Compare):
        if any(operand.op not in _COMPARISONS for operand in node.ops):
            raise _not_allowed(node, field)
        for side in (node.expr, *(operand.expr for operand in node.ops)):
            _check_node(side, field, variables, loop)
    elif isinstance(node, _PLAIN_NODES):
        for child in node.iter_child_nodes():
            _check_node(child, field, variables, loop)
    else:
        raise _not_allowed(node, field)


def _check_name(node: nodes.Name, field: str, variables: frozenset[str], loop: str | None) -> None:
    if node.ctx != "load":
        raise _not_allowed(node, field)
    if node.name in variables or node.name == loop:
        return
    guesses = difflib.get_close_matches(node.name, sorted(variables), 1)
    if guesses:
        raise TemplateProblem(
            "Line %(line)s: there is no variable “%(name)s”. Is “%(guess)s” meant?",
            field,
            line=node.lineno,
            name=node.name,
            guess=guesses[0],
        )
    raise TemplateProblem(
        "Line %(line)s: there is no variable “%(name)s” in this letter.",
        field,
        line=node.lineno,
        name=node.name,
    )


def _check_attribute(node: nodes.Getattr, field: str, loop: str | None) -> None:
    """A field of the loop's item, or one of the few facts of the loop itself."""
    owner = node.node
    is_item = isinstance(owner, nodes.Name) and loop is not None and owner.name == loop
    is_loop = isinstance(owner, nodes.Name) and loop is not None and owner.name == "loop"
    if node.attr.startswith("_") or not (is_item or (is_loop and node.attr in LOOP_FACTS)):
        raise _not_allowed(node, field)


def _check_filter(
    node: nodes.Filter, field: str, variables: frozenset[str], loop: str | None
) -> None:
    if node.name not in FILTERS[field]:
        raise TemplateProblem(
            "Line %(line)s: there is no filter “%(name)s”.",
            field,
            line=node.lineno,
            name=node.name,
        )
    if node.node is None or node.kwargs or node.dyn_args or node.dyn_kwargs or len(node.args) > 1:
        raise _not_allowed(node, field)
    for child in (node.node, *node.args):
        _check_node(child, field, variables, loop)


def _check_loop(node: nodes.For, field: str, variables: frozenset[str], loop: str | None) -> None:
    is_plain = (
        loop is None
        and isinstance(node.iter, nodes.Name)
        and isinstance(node.target, nodes.Name)
        and not node.recursive
        and node.test is None
    )
    if not is_plain or not isinstance(node.target, nodes.Name):
        raise TemplateProblem(
            "Line %(line)s: a loop goes over one list of the letter, and not inside another loop.",
            field,
            line=node.lineno,
        )
    _check_node(node.iter, field, variables, loop)
    if node.target.name in variables or node.target.name == "loop":
        raise _not_allowed(node, field)
    for child in _children(node):
        _check_node(child, field, variables, node.target.name)


def _children(node: nodes.For) -> Iterator[nodes.Node]:
    yield from node.body
    yield from node.else_


def _not_allowed(node: nodes.Node, field: str) -> TemplateProblem:
    return TemplateProblem(
        "Line %(line)s: only variables, filters, if and for may stand between the braces.",
        field,
        line=node.lineno,
    )
