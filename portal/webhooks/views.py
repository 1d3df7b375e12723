"""The addresses that gateways call.

The unguessable token in the path finds the gateway account and with it the tenant; the signature
over the raw bytes proves who speaks. Answers: 200 stored (or known already), 401 wrong signature,
404 no such address, 413 more than 256 KiB, 429 too many. Whatever else goes wrong is a 5xx: the
gateway comes again.
"""

from contextlib import closing
from datetime import timedelta

import structlog
from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue

from core.clock import now
from core.config import Settings
from core.db import Session
from core.errors import NotFoundError
from core.platform_uow import platform_unit_of_work
from payments import events, gateway_accounts
from payments.gateways.base import InboundEvent
from payments.models import GatewayAccount
from portal.access import public_view
from tenants import events as event_log
from tenants.signin_throttle import Limit, count_attempt, make_key

MAX_BODY_BYTES = 256 * 1024
WRONG_SIGNATURES = Limit(free=60, longest_s=60, forgotten_after=timedelta(minutes=10))

bp = Blueprint("webhooks", __name__, url_prefix="/webhooks")
_log = structlog.get_logger(__name__)


@bp.post("/<gateway>/<token>")
@public_view(reason="a gateway has no login; its signature is checked instead")
def receive(gateway: str, token: str) -> ResponseReturnValue:
    """Store a signed event once; a job handles it after the commit."""
    # checked by Werkzeug while it reads, so a body without a length is cut off too
    request.max_content_length = MAX_BODY_BYTES
    raw = request.get_data(cache=False)
    settings: Settings = current_app.extensions["settings"]
    with platform_unit_of_work() as session:
        account = gateway_accounts.find_by_webhook_token(session, gateway, token)
        if account is None:
            raise NotFoundError
        event = _verify(account, settings, raw)
        if event is None:
            # counted by the account: whoever guessed an address must not keep us busy with it
            count_attempt(session, [make_key("webhook", account.id, limit=WRONG_SIGNATURES)])
            _record_refusal(session, account)
        else:
            events.check_rate(session, account)
            is_new = events.store_event(session, account, event) is not None
    if event is None:
        _log.warning("webhook.refused", gateway_account=account.id, reseller=account.reseller_id)
        return "wrong signature", 401, {"Content-Type": "text/plain; charset=utf-8"}
    _log.info("webhook.stored", gateway_account=account.id, kind=event.type_name, is_new=is_new)
    return "", 200


def _verify(account: GatewayAccount, settings: Settings, raw: bytes) -> InboundEvent | None:
    with closing(gateway_accounts.open_gateway(account, settings)) as gateway:
        return gateway.verify_webhook(dict(request.headers), raw)


def _record_refusal(session: Session, account: GatewayAccount) -> None:
    """Tell the staff, once a day: most often a signature key was changed at the gateway only."""
    event_log.record(
        session,
        reseller_id=account.reseller_id,
        level="warning",
        service="payments",
        code="webhook_refused",
        text=f"A webhook of the gateway {account.name} was refused: its signature is wrong."
        " Compare the signature key with the one at the gateway.",
        object_type="gateway_account",
        object_id=account.id,
        dedupe_key=f"webhook_refused:{account.id}:{now():%Y-%m-%d}",
    )
