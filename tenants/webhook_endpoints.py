"""Where a reseller's own systems listen. Their secrets are shown once, when they are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select

from core import secrets
from core.clock import now
from core.config import Settings
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.http_post import check_url
from core.ids import new_token
from tenants import audit
from tenants.models import Event
from tenants.record_models import AuditChain
from tenants.resellers import get_reseller
from tenants.webhook_models import WebhookEndpoint
from tenants.webhook_types import TYPES

MOST = 20
"""Endpoints of one reseller."""
BOTH_VALID = timedelta(hours=24)
"""So long after a roll each delivery carries a signature with either secret."""
DESCRIPTION_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person can say of an endpoint."""

    url: str
    types: Sequence[str]
    description: str = ""


def create_endpoint(
    session: Session, *, reseller_id: int, request_id: UUID, wish: Wish, settings: Settings
) -> tuple[WebhookEndpoint, str]:
    """A new endpoint and its secret in plain; the same `request_id` again: the same, without it.

    It hears of what happens from now on. Raises InvalidInputError naming the field.
    """
    get_reseller(session, reseller_id)
    # endpoints of one reseller are made one after the other: two clicks make one, and the cap holds
    session.execute(select(func.pg_advisory_xact_lock(0x7768, reseller_id % 2**31)))
    known = session.scalar(
        select(WebhookEndpoint).where(
            WebhookEndpoint.reseller_id == reseller_id, WebhookEndpoint.request_id == request_id
        )
    )
    if known is not None:
        return known, ""
    checked = _checked(wish, settings)
    count = session.scalar(
        select(func.count())
        .select_from(WebhookEndpoint)
        .where(WebhookEndpoint.reseller_id == reseller_id)
    )
    if (count or 0) >= MOST:
        raise InvalidInputError("A reseller has at most %(most)s endpoints.", "url", most=MOST)
    told_event_id = session.scalar(
        select(func.max(Event.id)).where(Event.reseller_id == reseller_id)
    )
    endpoint = WebhookEndpoint(
        reseller_id=reseller_id,
        request_id=request_id,
        url=checked.url,
        description=checked.description,
        types=list(checked.types),
        sealed_secret="",
        hears_since=now(),
        told_seal_no=_last_seal(session, reseller_id),
        told_event_id=told_event_id or 0,
        created_at=now(),
    )
    session.add(endpoint)
    # the row's id is part of what the ciphertext is bound to
    session.flush()
    plain = _new_secret()
    endpoint.sealed_secret = secrets.encrypt(settings.credential_key_ring, _place(endpoint), plain)
    session.flush()
    _record(session, endpoint, "create", {"url": (None, checked.url)})
    return endpoint, plain


def update_endpoint(
    session: Session, endpoint_id: int, *, version: int, wish: Wish, settings: Settings
) -> WebhookEndpoint:
    """Raises NotFoundError, InvalidInputError naming the field, ConflictError if changed since."""
    endpoint = _lock(session, endpoint_id)
    if endpoint.version != version:
        raise ConflictError("Somebody changed this endpoint while you were editing it.")
    checked = _checked(wish, settings)
    after = {
        "url": checked.url,
        "types": sorted(checked.types),
        "description": checked.description,
    }
    changes = audit.differences({name: getattr(endpoint, name) for name in after}, after)
    for name, value in after.items():
        setattr(endpoint, name, value)
    endpoint.version += 1
    session.flush()
    if changes:
        _record(session, endpoint, "update", changes)
    return endpoint


def set_enabled(session: Session, endpoint_id: int, *, enabled: bool) -> WebhookEndpoint:
    """Off: it hears nothing; on again: of what happens from then on. Done twice it is done once."""
    endpoint = _lock(session, endpoint_id)
    if endpoint.enabled == enabled:
        return endpoint
    endpoint.enabled = enabled
    endpoint.failing_since = None
    endpoint.version += 1
    if enabled:
        endpoint.hears_since = now()
        endpoint.told_seal_no = max(
            endpoint.told_seal_no, _last_seal(session, endpoint.reseller_id)
        )
        last = session.scalar(
            select(func.max(Event.id)).where(Event.reseller_id == endpoint.reseller_id)
        )
        endpoint.told_event_id = max(endpoint.told_event_id, last or 0)
    session.flush()
    _record(session, endpoint, "update", {"enabled": (not enabled, enabled)})
    return endpoint


def roll_secret(session: Session, endpoint_id: int, *, settings: Settings) -> str:
    """A new secret in plain; for BOTH_VALID deliveries are signed with the one before too."""
    endpoint = _lock(session, endpoint_id)
    plain = _new_secret()
    endpoint.sealed_secret_before = endpoint.sealed_secret
    endpoint.secret_before_until = now() + BOTH_VALID
    endpoint.sealed_secret = secrets.encrypt(settings.credential_key_ring, _place(endpoint), plain)
    endpoint.version += 1
    session.flush()
    _record(session, endpoint, "update", {"credentials": ("before", "after")})
    return plain


def delete_endpoint(session: Session, endpoint_id: int) -> None:
    """With the log of its deliveries; done twice it is done once."""
    endpoint = session.scalar(
        select(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).with_for_update()
    )
    if endpoint is None:
        raise NotFoundError("Webhook not found.")
    _record(session, endpoint, "delete", {"url": (endpoint.url, None)})
    session.delete(endpoint)
    session.flush()


def get_endpoint(session: Session, endpoint_id: int) -> WebhookEndpoint:
    """Raises NotFoundError, also for one of another tenant."""
    endpoint = session.scalar(select(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id))
    if endpoint is None:
        raise NotFoundError("Webhook not found.")
    return endpoint


def read_secrets(endpoint: WebhookEndpoint, key_ring: dict[str, bytes]) -> list[str]:
    """The secrets that sign now, the newest first."""
    stored = [endpoint.sealed_secret]
    if endpoint.secret_before_until is not None and endpoint.secret_before_until > now():
        stored.append(endpoint.sealed_secret_before)
    return [secrets.decrypt(key_ring, _place(endpoint), one) for one in stored]


def reseal_secrets(endpoint: WebhookEndpoint, key_ring: dict[str, bytes]) -> None:
    """Encrypt what is stored with the ring's first key."""
    for name in ("sealed_secret", "sealed_secret_before"):
        stored = getattr(endpoint, name)
        if stored:
            plain = secrets.decrypt(key_ring, _place(endpoint), stored)
            setattr(endpoint, name, secrets.encrypt(key_ring, _place(endpoint), plain))


def _lock(session: Session, endpoint_id: int) -> WebhookEndpoint:
    endpoint = session.scalar(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if endpoint is None:
        raise NotFoundError("Webhook not found.")
    return endpoint


def _last_seal(session: Session, reseller_id: int) -> int:
    return (
        session.scalar(select(AuditChain.seal_no).where(AuditChain.reseller_id == reseller_id)) or 0
    )


def _checked(wish: Wish, settings: Settings) -> Wish:
    url = check_url(wish.url, is_foreign=settings.is_production)
    types = sorted(set(wish.types))
    if not types:
        raise InvalidInputError("Choose at least one.", "types")
    if not set(types) <= set(TYPES):
        raise InvalidInputError("Choose from the list.", "types")
    description = " ".join(wish.description.split())
    if len(description) > DESCRIPTION_LENGTH:
        raise InvalidInputError("Use at most 200 characters.", "description")
    return Wish(url, types, description)


def _new_secret() -> str:
    return f"whsec_{new_token()}"


def _place(endpoint: WebhookEndpoint) -> str:
    return f"webhook_endpoints|secret|{endpoint.reseller_id}|{endpoint.id}"


def _record(
    session: Session,
    endpoint: WebhookEndpoint,
    action: str,
    changes: dict[str, tuple[object, object]],
) -> None:
    audit.record(
        session,
        reseller_id=endpoint.reseller_id,
        action=action,
        object_type="webhook",
        object_id=endpoint.id,
        object_label=endpoint.url,
        changes=changes,
    )
