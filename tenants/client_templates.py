"""Clients templates: named values for clients, copied once when a template is applied.

Here: the name, the default of a reseller, and the General values; other packages keep their own
values by the template's id (`payments.client_templates` has them together).
"""

from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update

from core.clock import now
from core.currencies import get_currency
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.names import clean_line
from core.tenancy import current_actor
from core.zones import get_zone
from tenants import audit
from tenants.client_blocks import clean_tags, make_tags
from tenants.models import Client, ClientTemplate, ClientTemplateTag, Tag

NAME_LENGTH = 100
ROLES = ("originator", "terminator", "both")


@dataclass(frozen=True, slots=True)
class TemplateGeneral:
    """The General values; None and no tags: the template does not say."""

    name: str
    is_default: bool = False
    currency: str | None = None
    timezone: str | None = None
    role: str | None = None
    tags: tuple[str, ...] = ()


class StaleTemplateError(ConflictError):
    """Somebody saved the template while the form was open."""

    code = "stale_version"


def create_template(
    session: Session, *, request_id: UUID, reseller_id: int, general: TemplateGeneral
) -> ClientTemplate:
    """Make a template and audit it; the default takes the place of the one before.

    Raises InvalidInputError naming the field.
    """
    template = ClientTemplate(request_id=request_id, reseller_id=reseller_id)
    _fill(session, template, general)
    session.add(template)
    session.flush()
    _write_tags(session, template, general.tags)
    return template


def update_template(
    session: Session, template_id: int, *, version: int, general: TemplateGeneral
) -> ClientTemplate:
    """Change a template; clients made with it stay as they are.

    Raises NotFoundError, InvalidInputError, StaleTemplateError.
    """
    template = session.scalar(
        select(ClientTemplate).where(ClientTemplate.id == template_id).with_for_update()
    )
    if template is None:
        raise NotFoundError("Client template not found.")
    if template.version != version:
        raise StaleTemplateError("Somebody changed this template while you were editing it.")
    _fill(session, template, general)
    template.version += 1
    session.flush()
    _write_tags(session, template, general.tags)
    return template


def delete_template(session: Session, template_id: int) -> None:
    """Remove a template; its clients keep their values and forget its name.

    Raises NotFoundError.
    """
    template = get_template(session, template_id)
    session.execute(
        update(Client)
        .where(Client.reseller_id == template.reseller_id, Client.template_id == template_id)
        .values(template_id=None)
        .execution_options(synchronize_session=False)
    )
    record_change(session, template, "delete", {})
    session.delete(template)
    session.flush()


def get_template(session: Session, template_id: int) -> ClientTemplate:
    """Raises NotFoundError, also for a template of another tenant."""
    template = session.scalar(select(ClientTemplate).where(ClientTemplate.id == template_id))
    if template is None:
        raise NotFoundError("Client template not found.")
    return template


def find_by_request(session: Session, request_id: UUID) -> ClientTemplate | None:
    """The template that this drawn form made before, if it was sent already."""
    return session.scalar(select(ClientTemplate).where(ClientTemplate.request_id == request_id))


def find_default(session: Session, reseller_id: int) -> ClientTemplate | None:
    """What new clients of this reseller begin with, if anything."""
    return session.scalar(
        select(ClientTemplate).where(
            ClientTemplate.reseller_id == reseller_id, ClientTemplate.is_default
        )
    )


def list_templates(session: Session, reseller_id: int) -> list[ClientTemplate]:
    """Those of one reseller, by name."""
    return list(
        session.scalars(
            select(ClientTemplate)
            .where(ClientTemplate.reseller_id == reseller_id)
            .order_by(func.lower(ClientTemplate.name))
        )
    )


def set_default(session: Session, reseller_id: int, template_id: int | None) -> None:
    """Say what new clients of the reseller begin with; None: with nothing.

    Raises InvalidInputError for a template of another reseller.
    """
    template = None if template_id is None else check_choice(session, reseller_id, template_id)
    _clear_default(session, reseller_id, but=template_id)
    if template is not None and not template.is_default:
        template.is_default = True
        session.flush()
        record_change(session, template, "update", {"is_default": (False, True)})


def get_general(session: Session, template: ClientTemplate) -> TemplateGeneral:
    """What the template says of General."""
    tags = session.scalars(
        select(Tag.name)
        .join(ClientTemplateTag, ClientTemplateTag.tag_id == Tag.id)
        .where(ClientTemplateTag.template_id == template.id)
        .order_by(func.lower(Tag.name))
    )
    return TemplateGeneral(
        name=template.name,
        is_default=template.is_default,
        currency=template.currency,
        timezone=template.timezone,
        role=template.role,
        tags=tuple(tags),
    )


def is_of(session: Session, reseller_id: int, template_id: int) -> bool:
    """Whether clients of this reseller can be given the template."""
    return _find_of(session, reseller_id, template_id) is not None


def _find_of(session: Session, reseller_id: int, template_id: int) -> ClientTemplate | None:
    return session.scalar(
        select(ClientTemplate).where(
            ClientTemplate.id == template_id, ClientTemplate.reseller_id == reseller_id
        )
    )


def check_choice(session: Session, reseller_id: int, template_id: int) -> ClientTemplate:
    """The template chosen for a client of this reseller; raises InvalidInputError."""
    template = _find_of(session, reseller_id, template_id)
    if template is None:
        raise InvalidInputError("Choose one from the list.", "template_id")
    return template


def record_template(session: Session, client: Client, template_id: int | None) -> None:
    """Remember which template was applied to the client last; raises InvalidInputError."""
    if client.template_id == template_id:
        return
    names = [
        None if one is None else check_choice(session, client.reseller_id, one).name
        for one in (client.template_id, template_id)
    ]
    client.template_id = template_id
    session.flush()
    audit.record(
        session,
        reseller_id=client.reseller_id,
        client_id=client.id,
        action="update",
        object_type="client",
        object_id=client.id,
        object_label=client.name,
        changes={"template": (names[0], names[1])},
    )


def record_change(
    session: Session,
    template: ClientTemplate,
    action: str,
    changes: dict[str, tuple[object, object]],
) -> None:
    """Write it to the audit log."""
    audit.record(
        session,
        reseller_id=template.reseller_id,
        action=action,
        object_type="client_template",
        object_id=template.id,
        object_label=template.name,
        changes=changes,
    )


def facts(general: TemplateGeneral) -> dict[str, object]:
    """As the audit log tells it."""
    return {**asdict(general), "tags": list(general.tags)}


def _fill(session: Session, template: ClientTemplate, general: TemplateGeneral) -> None:
    template.name = _free_name(session, template, general.name)
    if general.role is not None and general.role not in ROLES:
        raise InvalidInputError("Choose one from the list.", "role")
    template.role = general.role
    template.currency = None if general.currency is None else _currency(general.currency)
    template.timezone = None if general.timezone is None else _zone(general.timezone)
    if general.is_default and not template.is_default:
        _clear_default(session, template.reseller_id, but=template.id)
    template.is_default = general.is_default
    template.updated_at = now()
    template.updated_by = current_actor().label


def _currency(code: str) -> str:
    try:
        return get_currency(code).code
    except InvalidInputError as error:
        raise InvalidInputError(error.message, "currency") from error


def _zone(name: str) -> str:
    try:
        return get_zone(name).key
    except InvalidInputError as error:
        raise InvalidInputError(error.message, "timezone") from error


def _free_name(session: Session, template: ClientTemplate, text: str) -> str:
    name = clean_line(text)
    if not name:
        raise InvalidInputError("Enter a name.", "name")
    if len(name) > NAME_LENGTH:
        raise InvalidInputError("Use at most 100 characters.", "name")
    with session.no_autoflush:
        taken = session.scalar(
            select(ClientTemplate.id).where(
                ClientTemplate.reseller_id == template.reseller_id,
                func.lower(ClientTemplate.name) == name.lower(),
            )
        )
    if taken is not None and taken != template.id:
        raise InvalidInputError("Another template has this name.", "name")
    return name


def _clear_default(session: Session, reseller_id: int, *, but: int | None) -> None:
    """Only one can be the default; the change is the old one's too and stands in its history."""
    with session.no_autoflush:
        old = find_default(session, reseller_id)
    if old is None or old.id == but:
        return
    session.execute(
        update(ClientTemplate)
        .where(ClientTemplate.id == old.id)
        .values(is_default=False, version=ClientTemplate.version + 1)
        .execution_options(synchronize_session="fetch")
    )
    record_change(session, old, "update", {"is_default": (True, False)})


def _write_tags(session: Session, template: ClientTemplate, names: tuple[str, ...]) -> None:
    wanted = clean_tags(names)
    session.execute(delete(ClientTemplateTag).where(ClientTemplateTag.template_id == template.id))
    if not wanted:
        return
    session.execute(
        insert(ClientTemplateTag),
        [
            {"template_id": template.id, "tag_id": tag_id, "reseller_id": template.reseller_id}
            for tag_id in make_tags(session, template.reseller_id, wanted)
        ],
    )
