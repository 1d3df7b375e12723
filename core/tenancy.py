"""Whose data the current code may see. Without a scope no SQL runs.

Set in two places only: the portal's view decorators and the worker's middleware.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from core.errors import InvariantError

Realm = Literal["office", "panel"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as the audit log will name it; `on_behalf_of` is the person in whose place."""

    kind: Literal["user", "client", "platform", "job", "system"]
    id: int | None = None
    label: str = "system"
    ip: str | None = None
    on_behalf_of: str | None = None


SYSTEM = Actor("system")


@dataclass(frozen=True, slots=True)
class Scope:
    """The resellers that may be seen: its own and descendants; in the panel, one client of one.

    `reseller_ids[0]` is the home reseller of the actor. With `read_only` the database itself
    refuses every write.
    """

    reseller_ids: tuple[int, ...]
    realm: Realm = "office"
    client_id: int | None = None
    actor: Actor = field(default=SYSTEM)
    read_only: bool = False

    def __post_init__(self) -> None:
        if not self.reseller_ids:
            raise InvariantError("a scope names at least one reseller")
        if (self.realm == "panel") != (self.client_id is not None):
            raise InvariantError("a panel scope names its client, an office scope none")

    @property
    def home_reseller_id(self) -> int:
        return self.reseller_ids[0]


_current: ContextVar[Scope | None] = ContextVar("tenant_scope", default=None)


def current_scope() -> Scope:
    """The scope in force; raises InvariantError when there is none."""
    scope = _current.get()
    if scope is None:
        raise InvariantError("no tenant in scope")
    return scope


def current_actor() -> Actor:
    """Who acts now; the system itself when no scope is set (command line, sign-in)."""
    scope = _current.get()
    return scope.actor if scope is not None else SYSTEM


@contextmanager
def tenant_scope(scope: Scope) -> Iterator[Scope]:
    token = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(token)
