"""How Stripe writes parameters: `metadata[attempt]=X&expand[0]=customer`."""

import re
from typing import Any
from urllib.parse import parse_qsl

_PART = re.compile(r"\[([^\]]*)\]")


def read_form(text: str) -> dict[str, Any]:
    """The parameters as nested dicts and lists of texts."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, bracket, _ = name.partition("[")
        path = [head, *(_PART.findall(name) if bracket else [])]
        place = root
        for part in path[:-1]:
            following = place.setdefault(part, {})
            if not isinstance(following, dict):
                following = place[part] = {}
            place = following
        last = path[-1] or str(len(place))
        place[last] = value
    shaped = _shape(root)
    return shaped if isinstance(shaped, dict) else {}


def _shape(value: object) -> object:
    if not isinstance(value, dict):
        return value
    if value and all(name.isdigit() for name in value):
        return [_shape(value[name]) for name in sorted(value, key=int)]
    return {name: _shape(inner) for name, inner in value.items()}
