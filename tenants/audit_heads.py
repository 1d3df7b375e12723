"""The head of a chain as a signed line, to be kept where whoever owns the database has no hand.

The key is derived from the first of CREDENTIAL_KEYS: with the key gone from the ring, its old
signatures can no longer be checked, the chain itself still can.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from core.clock import now
from core.db import Session
from core.errors import InvalidInputError
from tenants.audit_chain import GENESIS
from tenants.record_models import AuditChain

_CONTEXT = b"audit chain head v1"


def make_head(session: Session, reseller_id: int, key_ring: Mapping[str, bytes]) -> str:
    """One line of JSON: the reseller, the last seal and its hash, when, and the signature."""
    chain = session.execute(
        select(AuditChain.seal_no, AuditChain.seal_hash).where(
            AuditChain.reseller_id == reseller_id
        )
    ).one_or_none()
    seal_no, seal_hash = (0, GENESIS) if chain is None else chain
    key_id, key = next(iter(key_ring.items()))
    facts = {
        "reseller_id": reseller_id,
        "seal_no": seal_no,
        "seal_hash": seal_hash,
        "at": now().isoformat(),
        "key": key_id,
    }
    return json.dumps({**facts, "signature": _sign(key, facts)}, sort_keys=True)


def read_head(line: str, key_ring: Mapping[str, bytes]) -> dict[str, Any]:
    """The facts of a line that we signed; raises InvalidInputError for any other."""
    try:
        facts = json.loads(line)
        signature = facts.pop("signature")
        key = key_ring[facts["key"]]
        is_ours = hmac.compare_digest(signature, _sign(key, facts))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError("This is no head of an audit log that we signed.") from error
    if not is_ours:
        raise InvalidInputError("The signature of this head is wrong.")
    return dict(facts)


def _sign(key: bytes, facts: Mapping[str, Any]) -> str:
    derived = hmac.new(key, _CONTEXT, hashlib.sha256).digest()
    line = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(derived, line, hashlib.sha256).hexdigest()
