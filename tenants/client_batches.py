"""Many new clients in a few statements: the blocks that `tenants` owns.

The blocks were checked before (`clients.checked_general`, `client_blocks.checked_company`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from core.db import Session
from core.names import sort_key
from core.tenancy import current_actor
from tenants.client_blocks import Company, clean_tags, make_tags
from tenants.clients import General
from tenants.models import Client, ClientCompany, ClientLogin, ClientTag, Tag


@dataclass(frozen=True, slots=True)
class NewClient:
    """`request_id` makes a repetition harmless: it names the same client."""

    request_id: UUID
    reseller_id: int
    general: General
    company: Company
    login: str
    tags: tuple[str, ...]


def create_clients(session: Session, wishes: Sequence[NewClient]) -> dict[UUID, int]:
    """Ids of the clients that were made, by request; one that was made before is left out."""
    rows = [
        {
            **asdict(one.general),
            "request_id": one.request_id,
            "reseller_id": one.reseller_id,
            "name_key": sort_key(one.general.name),
            "updated_by": current_actor().label,
        }
        for one in wishes
    ]
    made = session.execute(
        insert(Client)
        .on_conflict_do_nothing(index_elements=["reseller_id", "request_id"])
        .returning(Client.request_id, Client.id),
        rows,
    ).all()
    ids = {row[0]: row[1] for row in made}
    new = [(ids[one.request_id], one) for one in wishes if one.request_id in ids]
    if not new:
        return ids
    owners = [{"client_id": key, "reseller_id": one.reseller_id} for key, one in new]
    session.execute(
        insert(ClientCompany),
        [owner | asdict(one.company) for owner, (_key, one) in zip(owners, new, strict=True)],
    )
    session.execute(
        insert(ClientLogin),
        [
            owner | {"enabled": False, "login": one.login}
            for owner, (_key, one) in zip(owners, new, strict=True)
        ],
    )
    _tag(session, new)
    return ids


def _tag(session: Session, new: Sequence[tuple[int, NewClient]]) -> None:
    by_reseller: dict[int, dict[str, str]] = {}
    for _key, one in new:
        by_reseller.setdefault(one.reseller_id, {}).update(clean_tags(one.tags))
    ids: dict[tuple[int, str], int] = {}
    for reseller_id, wanted in by_reseller.items():
        if wanted:
            make_tags(session, reseller_id, wanted)
            found = session.execute(
                select(Tag.id, func.lower(Tag.name)).where(
                    Tag.reseller_id == reseller_id, func.lower(Tag.name).in_(list(wanted))
                )
            )
            ids |= {(reseller_id, row[1]): row[0] for row in found}
    links = [
        {"client_id": key, "reseller_id": one.reseller_id, "tag_id": ids[one.reseller_id, name]}
        for key, one in new
        for name in clean_tags(one.tags)
    ]
    if links:
        session.execute(insert(ClientTag).on_conflict_do_nothing(), links)
