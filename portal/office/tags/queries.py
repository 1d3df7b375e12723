"""A page of tags by name, each with how many clients carry it."""

from dataclasses import dataclass

from sqlalchemy import func, select

from core.db import Session
from portal.keyset import Key, Order, Page, Place, read_page, walk
from tenants.models import Client, ClientTag, Reseller, Tag

SUGGESTED = 200


@dataclass(frozen=True, slots=True)
class TagRow:
    """`clients` are those that are not deleted, as the list of clients shows them."""

    id: int
    name: str
    color: str
    reseller: str
    clients: int


def read_tags(session: Session, search: str, place: Place) -> Page[TagRow]:
    """By name; the index on the small letters of the name is walked."""
    pick = select(func.lower(Tag.name).label("key"), Tag.id.label("id"))
    if search:
        pick = pick.where(Tag.name.icontains(search, autoescape=True))
    walked = walk(
        pick, owner=Tag.reseller_id, order=Order([Key("key", str), Key("id", int)]), place=place
    )
    used = (
        select(func.count())
        .select_from(ClientTag)
        .join(
            Client,
            (Client.reseller_id == ClientTag.reseller_id) & (Client.id == ClientTag.client_id),
        )
        .where(
            ClientTag.reseller_id == Tag.reseller_id,
            ClientTag.tag_id == Tag.id,
            Client.status != "deleted",
        )
        .correlate(Tag)
        .scalar_subquery()
    )
    query = walked.decorate(
        Tag.id.label("tag_id"),
        Tag.name,
        Tag.color,
        Reseller.name.label("reseller"),
        used.label("clients"),
        keep=[
            (Tag, Tag.id == walked.picked.c.id, False),
            (Reseller, Reseller.id == Tag.reseller_id, False),
        ],
    )
    return read_page(
        session,
        walked,
        query,
        lambda row: TagRow(row.tag_id, row.name, row.color, row.reseller, row.clients),
    )


def list_others(session: Session, tag: Tag) -> list[str]:
    """Names of the other tags of the same reseller, to suggest when one is merged."""
    return list(
        session.scalars(
            select(Tag.name)
            .where(Tag.reseller_id == tag.reseller_id, Tag.id != tag.id)
            .order_by(func.lower(Tag.name))
            .limit(SUGGESTED)
        )
    )
