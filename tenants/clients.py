"""Clients: the General block. Creating is safe to repeat, editing needs the version that was shown.

Each block of the form is saved by the package that owns it; the entry point composes them in one
transaction.
"""

from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import select, update

from core.clock import now
from core.currencies import get_currency
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.names import clean_line, sort_key
from core.tenancy import current_actor
from core.zones import get_zone
from tenants import audit
from tenants.models import CLIENT_STATUSES, Client

NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class General:
    """What the General block of the form says.

    The roles: whether the client sends calls to us and takes calls from us; None leaves them as
    they are (a new client then sends only). Once it has accounts, these tell its role.
    """

    name: str
    currency: str
    timezone: str
    status: str = "active"
    is_originator: bool | None = None
    is_terminator: bool | None = None


class StaleVersionError(ConflictError):
    """Somebody saved the client while the form was open."""

    code = "stale_version"

    def __init__(self, client: Client) -> None:
        super().__init__(
            f"{client.updated_by or 'Somebody'} changed this client while you were editing it."
            " Compare and save again."
        )
        self.client = client


def get_client(session: Session, client_id: int) -> Client:
    """Raises NotFoundError, also for a client of another tenant."""
    client = session.scalar(select(Client).where(Client.id == client_id))
    if client is None:
        raise NotFoundError("Client not found.")
    return client


def refuse_erased(client: Client) -> None:
    """Raises ConflictError for a client that was removed for good: nothing brings it back."""
    if client.erased_at is not None:
        raise ConflictError("This client was removed for good.")


def find_by_request(session: Session, request_id: UUID) -> Client | None:
    """The client that this drawn form made before, if it was sent already."""
    return session.scalar(select(Client).where(Client.request_id == request_id))


def create_client(
    session: Session, *, request_id: UUID, reseller_id: int, general: General
) -> Client:
    """Make a client and audit it; raises InvalidInputError naming the field."""
    checked = checked_general(general)
    client = Client(
        request_id=request_id,
        reseller_id=reseller_id,
        name_key=sort_key(checked.name),
        updated_by=current_actor().label,
        **asdict(checked),
    )
    session.add(client)
    session.flush()
    audit.record(
        session,
        reseller_id=reseller_id,
        client_id=client.id,
        action="create",
        object_type="client",
        object_id=client.id,
        object_label=client.name,
        changes=audit.differences({}, asdict(checked)),
    )
    return client


def update_client(session: Session, client_id: int, *, version: int, general: General) -> Client:
    """Save the General block if nobody else saved the client since `version` was shown.

    Always moves the version on, so that a change of any other block of the same form counts.
    Raises NotFoundError, InvalidInputError, StaleVersionError.
    """
    client = get_client(session, client_id)
    refuse_erased(client)
    checked = checked_general(
        general, is_originator=client.is_originator, is_terminator=client.is_terminator
    )
    before = {name: getattr(client, name) for name in asdict(checked)}
    at = now()
    deleted_at, restores_status = None, None
    if checked.status == "deleted":
        deleted_at = client.deleted_at or at
        restores_status = client.restores_status if client.deleted_at else client.status
    changed = session.execute(
        update(Client)
        .where(Client.id == client_id, Client.version == version)
        .values(
            **asdict(checked),
            name_key=sort_key(checked.name),
            version=Client.version + 1,
            updated_at=at,
            updated_by=current_actor().label,
            deleted_at=deleted_at,
            restores_status=restores_status,
        )
        .returning(Client.id)
        .execution_options(synchronize_session=False)
    ).first()
    session.refresh(client)
    if changed is None:
        raise StaleVersionError(client)
    differences = audit.differences(before, asdict(checked))
    if differences:
        audit.record(
            session,
            reseller_id=client.reseller_id,
            client_id=client.id,
            action="update",
            object_type="client",
            object_id=client.id,
            object_label=client.name,
            changes=differences,
        )
    return client


def checked_general(
    general: General, *, is_originator: bool = True, is_terminator: bool = False
) -> General:
    """The block as it is kept, with the roles that hold where it does not say.

    Raises InvalidInputError naming the field.
    """
    if general.is_originator is not None:
        is_originator = general.is_originator
    if general.is_terminator is not None:
        is_terminator = general.is_terminator
    if not is_originator and not is_terminator:
        raise InvalidInputError("Choose at least one role.", "is_originator")
    name = clean_line(general.name)
    if not name:
        raise InvalidInputError("Enter a name.", "name")
    if len(name) > NAME_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "name", count=NAME_LENGTH)
    if general.status not in CLIENT_STATUSES:
        raise InvalidInputError("Choose a status.", "status")
    try:
        currency = get_currency(general.currency).code
    except InvalidInputError as error:
        raise InvalidInputError(error.message, "currency") from error
    try:
        zone = get_zone(general.timezone).key
    except InvalidInputError as error:
        raise InvalidInputError(error.message, "timezone") from error
    return General(
        name=name,
        currency=currency,
        timezone=zone,
        status=general.status,
        is_originator=is_originator,
        is_terminator=is_terminator,
    )
