"""Dramatiq middleware: every message runs inside its tenant's scope, or in none.

A message without `reseller_id` is a sweep: it gets no scope, so only the sweeps' own database role
will answer it.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import structlog
from dramatiq import Broker, Middleware

from core.tenancy import Actor, Scope, tenant_scope

OPTION = "reseller_id"


class TenantScope(Middleware):
    """Opens the scope before the actor runs and closes it whatever happens."""

    def __init__(self) -> None:
        self._open = threading.local()

    def before_process_message(self, _broker: Broker, message: Any) -> None:  # noqa: ANN401 (a proxy that Dramatiq types by attribute)
        # Dramatiq runs the actor even when a middleware fails: nothing may be left from before
        self._close()
        stack = ExitStack()
        self._open.stack = stack
        stack.enter_context(
            structlog.contextvars.bound_contextvars(
                job=message.actor_name,
                job_id=message.message_id,
                **{
                    name: message.options[name]
                    for name in (OPTION, "request_id")
                    if name in message.options
                },
            )
        )
        reseller_id = message.options.get(OPTION)
        if type(reseller_id) is int:  # True is an int too
            actor = Actor("job", label=message.actor_name)
            stack.enter_context(tenant_scope(Scope((reseller_id,), actor=actor)))

    def after_process_message(
        self,
        _broker: Broker,
        _message: Any,  # noqa: ANN401 (see above)
        *,
        result: Any = None,  # noqa: ANN401 (Dramatiq's signature)
        exception: BaseException | None = None,
    ) -> None:
        self._close()

    def after_skip_message(self, _broker: Broker, _message: Any) -> None:  # noqa: ANN401 (see above)
        self._close()

    def _close(self) -> None:
        stack: ExitStack | None = getattr(self._open, "stack", None)
        self._open.stack = None
        if stack is not None:
            stack.close()


@contextmanager
def asked_by(reseller_ids: tuple[int, ...], actor: Actor) -> Iterator[None]:
    """The scope of work that a person asked for: its resellers, and its name in the audit log.

    Only for what a row of the message's own reseller says that somebody asked for.
    """
    with tenant_scope(Scope(reseller_ids, actor=actor)):
        yield
