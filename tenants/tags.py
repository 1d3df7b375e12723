"""Tags: words that staff put on clients; each reseller has its own."""

from sqlalchemy import delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from tenants import audit
from tenants.models import TAG_COLORS, ClientTag, ClientTemplateTag, Reseller, Tag

NAME_LENGTH = 60


def create_tag(session: Session, *, reseller_id: int, name: str, color: str = "") -> Tag:
    """Made twice it is the same tag. Raises InvalidInputError naming the field."""
    if session.get(Reseller, reseller_id) is None:
        raise InvalidInputError("Choose one of your resellers.", "reseller_id")
    clean, tone = _checked_name(name), _checked_color(color)
    made: Tag | None = session.scalar(
        insert(Tag)
        .values(reseller_id=reseller_id, name=clean, color=tone)
        .on_conflict_do_nothing()
        .returning(Tag)
    )
    if made is None:
        known = _find(session, reseller_id, clean)
        if known is None or (known.name, known.color) != (clean, tone):
            raise InvalidInputError("There is a tag of this name already.", "name")
        return known
    _record(session, made, "create", {"name": (None, clean), "color": ("", tone)})
    return made


def update_tag(session: Session, tag_id: int, *, was: str, name: str, color: str) -> Tag:
    """Rename or colour a tag; `was` is the name that was shown.

    Raises NotFoundError, InvalidInputError for a name that another tag has (merge them instead),
    ConflictError when somebody renamed it meanwhile.
    """
    tag = lock_tag(session, tag_id)
    clean, tone = _checked_name(name), _checked_color(color)
    changes = audit.differences(
        {"name": tag.name, "color": tag.color}, {"name": clean, "color": tone}
    )
    if not changes:
        return tag
    if was != tag.name:
        raise ConflictError("Somebody has renamed this tag to “%(name)s”.", name=tag.name)
    other = _find(session, tag.reseller_id, clean)
    if other is not None and other.id != tag.id:
        raise InvalidInputError("Another tag has this name. Merge the two instead.", "name")
    tag.name, tag.color = clean, tone
    session.flush()
    _record(session, tag, "update", changes)
    return tag


def merge_tags(session: Session, tag_id: int, *, into: str) -> tuple[Tag, int]:
    """Give every client and template of the tag the other one, named `into`, and delete the first.

    Answers the tag that stays and how many clients had the other. Raises NotFoundError, and
    InvalidInputError when there is no such other tag of the same reseller.
    """
    tag = get_tag(session, tag_id)
    target = _find(session, tag.reseller_id, _checked_name(into, "into"))
    if target is None:
        raise InvalidInputError("There is no tag of this name.", "into")
    if target.id == tag.id:
        raise InvalidInputError("Choose another tag than this one.", "into")
    # the lower id first: two merges across each other wait instead of blocking for good
    for one in sorted((tag.id, target.id)):
        lock_tag(session, one)
    count = count_clients(session, tag)
    owned = (ClientTag.reseller_id == tag.reseller_id, ClientTag.tag_id == tag.id)
    session.execute(
        insert(ClientTag)
        .from_select(
            ["reseller_id", "client_id", "tag_id"],
            select(ClientTag.reseller_id, ClientTag.client_id, literal(target.id)).where(*owned),
        )
        .on_conflict_do_nothing()
    )
    session.execute(
        insert(ClientTemplateTag)
        .from_select(
            ["reseller_id", "template_id", "tag_id"],
            select(
                ClientTemplateTag.reseller_id, ClientTemplateTag.template_id, literal(target.id)
            ).where(
                ClientTemplateTag.reseller_id == tag.reseller_id,
                ClientTemplateTag.tag_id == tag.id,
            ),
        )
        .on_conflict_do_nothing()
    )
    _record(session, tag, "merge", {"into": (tag.name, target.name), "clients": (count, 0)})
    _remove(session, tag)
    return target, count


def delete_tag(session: Session, tag_id: int) -> tuple[str, int]:
    """Take the tag off every client and remove it; its name, and how many clients had it.

    Raises NotFoundError.
    """
    tag = lock_tag(session, tag_id)
    name, count = tag.name, count_clients(session, tag)
    _record(session, tag, "delete", {"name": (name, None), "clients": (count, 0)})
    _remove(session, tag)
    return name, count


def get_tag(session: Session, tag_id: int) -> Tag:
    """Raises NotFoundError, also for a tag of another tenant."""
    tag = session.scalar(select(Tag).where(Tag.id == tag_id))
    if tag is None:
        raise NotFoundError("Tag not found.")
    return tag


def lock_tag(session: Session, tag_id: int) -> Tag:
    """The tag, nobody else's to change until the transaction ends; raises NotFoundError."""
    tag = session.scalar(
        select(Tag)
        .where(Tag.id == tag_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if tag is None:
        raise NotFoundError("Tag not found.")
    return tag


def count_clients(session: Session, tag: Tag) -> int:
    """How many clients have it, deleted ones too."""
    return (
        session.scalar(
            select(func.count())
            .select_from(ClientTag)
            .where(ClientTag.reseller_id == tag.reseller_id, ClientTag.tag_id == tag.id)
        )
        or 0
    )


def _remove(session: Session, tag: Tag) -> None:
    session.execute(
        delete(ClientTag)
        .where(ClientTag.reseller_id == tag.reseller_id, ClientTag.tag_id == tag.id)
        .execution_options(synchronize_session=False)
    )
    session.delete(tag)
    session.flush()


def _find(session: Session, reseller_id: int, name: str) -> Tag | None:
    return session.scalar(
        select(Tag).where(Tag.reseller_id == reseller_id, func.lower(Tag.name) == func.lower(name))
    )


def _checked_name(text: str, field: str = "name") -> str:
    name = " ".join(text.replace("\x00", "").split())
    if not name:
        raise InvalidInputError("Enter a name.", field)
    if len(name) > NAME_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", field, count=NAME_LENGTH)
    if "," in name:
        # the client form separates tags by it
        raise InvalidInputError("A tag has no comma in it.", field)
    return name


def _checked_color(color: str) -> str:
    if color and color not in TAG_COLORS:
        raise InvalidInputError("Choose one of the colours.", "color")
    return color


def _record(
    session: Session, tag: Tag, action: str, changes: dict[str, tuple[object, object]]
) -> None:
    audit.record(
        session,
        reseller_id=tag.reseller_id,
        action=action,
        object_type="tag",
        object_id=tag.id,
        object_label=tag.name,
        changes=changes,
    )
