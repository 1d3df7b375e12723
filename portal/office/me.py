"""The acting person, as the rules about users and roles ask for it."""

from core.errors import InvariantError
from portal.sessions import current_identity
from tenants.users import Me


def current_me() -> Me:
    """Whoever is signed in to the office, with what its role allows; inside an office view only."""
    identity = current_identity()
    if identity is None:
        raise InvariantError("an office view runs for a signed-in person")
    return Me(identity.subject_id, identity.permissions)
