"""Who acts on the platform's screens, as the audit log will name it."""

from flask import request

from core.errors import InvariantError
from core.tenancy import Actor
from portal.sessions import current_identity


def platform_actor() -> Actor:
    """The signed-in person of the platform; only inside a `platform_view`."""
    identity = current_identity()
    if identity is None:
        raise InvariantError("a platform view runs for a signed-in person")
    return Actor("platform", identity.subject_id, identity.login, request.remote_addr)
