"""The rows of the matrix, made from the application's own map of addresses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product

from flask import Flask
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect, Rule

from core.config import Settings
from portal.access import ACCESS_MARK, Access
from portal.app import create_app
from portal.csrf import SAFE_METHODS
from tests.tenancy import objects
from tests.tenancy.world import Owner

WITHOUT_ACCESS = {"static": Access("public", reason="files of the program")}
# by the environment's names in lower case; nothing is asked of these addresses
_NOWHERE = {
    "environment": "development",
    "secret_key": "only-to-draw-the-map-of-addresses",
    "credential_keys": "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "base_url": "http://127.0.0.1:8080",
    "smtp_host": "127.0.0.1",
    "mail_from": "billing@portal.example",
    "redis_url": "redis://127.0.0.1:1/0",
    **{
        f"database_url_{role}": "postgresql+psycopg://nobody@127.0.0.1:1/none"
        for role in ("office", "panel", "platform")
    },
}


@dataclass(frozen=True)
class Row:
    """One rule with one method."""

    endpoint: str
    method: str
    path: str
    access: Access
    parameters: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def writes(self) -> bool:
        return self.method not in SAFE_METHODS

    @property
    def object_parameters(self) -> tuple[str, ...]:
        """Those that name a row of a tenant, in the path and in a query that the view needs."""
        in_path = [name for name in self.parameters if name not in objects.PLAIN_PARAMETERS]
        return (*in_path, *self._queries)

    @property
    def _queries(self) -> Mapping[str, str]:
        return objects.QUERIES.get(self.endpoint, {}) if self.method == "GET" else {}

    def kind_of(self, parameter: str) -> str:
        own = objects.PARAMETERS_OF_ENDPOINT.get((self.endpoint, parameter))
        kind = self._queries.get(parameter) or own or objects.PARAMETERS.get(parameter)
        assert kind, (
            f"{self}: say in tests/tenancy/objects.py which object <{parameter}> names"
            " (PARAMETERS), or why it names none (PLAIN_PARAMETERS)"
        )
        return kind

    def values(self, owner: Owner) -> dict[str, str]:
        """What stands in the address for this owner's objects."""
        values = {
            name: objects.PLAIN_PARAMETERS[name][0][0]
            for name in self.parameters
            if name in objects.PLAIN_PARAMETERS
        }
        if self.method == "GET":
            values |= objects.PLAIN_QUERIES.get(self.endpoint, {})
        for name in self.object_parameters:
            values[name] = objects.value_of(owner, self.kind_of(name))
        return values

    def url(self, values: Mapping[str, str]) -> str:
        adapter = _map_app().url_map.bind("127.0.0.1")
        return adapter.build(self.endpoint, dict(values), method=self.method)

    def urls(self, owner: Owner) -> Iterator[str]:
        """The address with the owner's objects, in every state that one of them can be in."""
        values = self.values(owner)
        yield self.url(values)
        for name in self.parameters:
            for other in objects.PLAIN_PARAMETERS.get(name, ((), ""))[0][1:]:
                yield self.url(values | {name: other})
        for name in self.object_parameters:
            for kind in objects.OTHER_STATES.get(self.kind_of(name), ()):
                yield self.url(values | {name: objects.value_of(owner, kind)})

    def foreign_urls(self, mine: Owner, other: Owner) -> Iterator[tuple[str, str]]:
        """Addresses that mix in another's ids, each with its twin whose ids nobody has."""
        names = self.object_parameters
        own, foreign = self.values(mine), self.values(other)
        for choice in product((False, True), repeat=len(names)):
            taken = [
                name
                for name, is_foreign in zip(names, choice, strict=True)
                if is_foreign and foreign[name] != own[name]
            ]
            if not taken:
                continue
            mixed = own | {name: foreign[name] for name in taken}
            missing = own | {name: objects.missing_like(foreign[name]) for name in taken}
            yield self.url(mixed), self.url(missing)


@cache
def _map_app() -> Flask:
    return create_app(Settings(**_NOWHERE))  # type: ignore[arg-type]


@cache
def list_rows() -> tuple[Row, ...]:
    """Every rule with every method; HEAD and OPTIONS, which Flask adds, are left out."""
    app = _map_app()
    rows = [row for rule in app.url_map.iter_rules() for row in _rows(app, rule)]
    return tuple(sorted(rows, key=str))


def _rows(app: Flask, rule: Rule) -> Iterator[Row]:
    view = app.view_functions[rule.endpoint]
    access = WITHOUT_ACCESS.get(rule.endpoint) or getattr(view, ACCESS_MARK, None)
    assert access is not None, f"{rule.endpoint} declares no access (portal/access.py)"
    for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
        yield Row(
            rule.endpoint,
            method,
            rule.rule,
            access,
            tuple(sorted(rule.arguments)),
        )


@cache
def find_endpoint(path: str, method: str) -> str | None:
    """Which view a path leads to, if any."""
    try:
        return _map_app().url_map.bind("127.0.0.1").match(path, method)[0]
    except (NotFound, MethodNotAllowed, RequestRedirect):
        return None


def list_converters() -> Iterator[tuple[str, str, object]]:
    """Endpoint, parameter and what the parameter takes."""
    for rule in _map_app().url_map.iter_rules():
        for name, converter in rule._converters.items():
            yield rule.endpoint, name, converter
