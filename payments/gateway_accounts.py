"""A reseller's merchant accounts at gateways. Credentials go in and never come out again."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy import select

from billing.models import PaymentAccount
from core import ids, secrets
from core.config import Settings
from core.currencies import get_currency
from core.db import Session
from core.errors import InvalidInputError, NotAllowedError, NotFoundError
from payments.errors import NoGatewayError
from payments.gateways.authorizenet import AuthorizeNetGateway
from payments.gateways.base import Gateway, GatewayCredentials, MethodKind
from payments.gateways.stripe import StripeGateway
from payments.models import GatewayAccount
from tenants import audit

# What each gateway needs to know, in the order of the form.
CREDENTIAL_FIELDS: Mapping[str, tuple[str, ...]] = {
    "authorizenet": ("login", "transaction_key", "signature_key"),
    "stripe": ("secret_key", "webhook_secret"),
}
# What may be given later: Stripe makes it only when our webhook's address is entered there.
LATER_FIELDS = frozenset({"webhook_secret"})
# What webhooks are signed with. The one before is kept: the gateway may still sign with it for a
# day.
_WEBHOOK_FIELDS = {"authorizenet": "signature_key", "stripe": "webhook_secret"}
_BEFORE = "_before"
# The one currency that bank accounts are debited in: that of the ACH network.
BANK_CURRENCY = "USD"
_STRIPE_MODES = {True: ("sk_live_", "rk_live_"), False: ("sk_test_", "rk_test_")}
_SHOWN = 4
_CONNECT_TIMEOUT_S = 3.05

# What the flows around an outside call are given: how to open a transaction, and the adapter.
UnitOfWork = Callable[[], AbstractContextManager[Session]]
OpenGateway = Callable[[GatewayAccount], Gateway]


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """What a screen may show of a secret."""

    field: str
    last_four: str


def create_account(
    session: Session,
    *,
    reseller_id: int,
    gateway: str,
    name: str,
    payment_account_id: int,
    currency: str,
    live: bool,
    credentials: Mapping[str, str],
    key_ring: dict[str, bytes],
    description: str = "",
    position: int = 1,
    bank_accounts: bool = False,
) -> GatewayAccount:
    """Add a merchant account, enabled; raises InvalidInputError naming the field."""
    if gateway not in CREDENTIAL_FIELDS:
        raise InvalidInputError("Choose a gateway.", "gateway")
    name = " ".join(name.split())
    if not name:
        raise InvalidInputError("Enter a name.", "name")
    code = get_currency(currency).code
    _check_bank_accounts(code, wanted=bank_accounts)
    _check_payment_account(session, reseller_id, payment_account_id)
    _refuse_second(session, reseller_id, gateway, code)
    complete = _complete(gateway, credentials)
    _check_mode(gateway, complete, live=live)
    account = GatewayAccount(
        reseller_id=reseller_id,
        gateway=gateway,
        name=name,
        description=description,
        payment_account_id=payment_account_id,
        currency=code,
        live=live,
        enabled=True,
        position=position,
        credentials={},
        bank_accounts=bank_accounts,
        webhook_token=ids.new_token(),
    )
    session.add(account)
    # the row's id is part of what each ciphertext is bound to
    session.flush()
    account.credentials = _sealed(account, complete, key_ring)
    session.flush()
    _audit(session, account, "create", {"name": ("", name), "currency": ("", code)})
    return account


def update_account(
    session: Session,
    account: GatewayAccount,
    *,
    name: str,
    description: str,
    payment_account_id: int,
    position: int,
    bank_accounts: bool | None = None,
) -> None:
    """Change how the account is shown and booked; raises InvalidInputError naming the field.

    `bank_accounts` None leaves it as it is. Switched off, nothing more is debited; what is under
    way comes to its end.
    """
    name = " ".join(name.split())
    if not name:
        raise InvalidInputError("Enter a name.", "name")
    _check_payment_account(session, account.reseller_id, payment_account_id)
    banks = account.bank_accounts if bank_accounts is None else bank_accounts
    _check_bank_accounts(account.currency, wanted=banks)
    wish = {
        "name": name,
        "description": description.strip(),
        "payment_account_id": payment_account_id,
        "position": position,
        "bank_accounts": banks,
    }
    changes = audit.differences({field: getattr(account, field) for field in wish}, wish)
    for field, value in wish.items():
        setattr(account, field, value)
    session.flush()
    if changes:
        _audit(session, account, "update", changes)


def replace_credentials(
    session: Session,
    account: GatewayAccount,
    credentials: Mapping[str, str],
    key_ring: dict[str, bytes],
) -> None:
    """Overwrite the given credentials; an empty one leaves what is stored.

    What signed webhooks until now still opens them: the gateway signs with it for a while.
    """
    given = {field: text.strip() for field, text in credentials.items() if text.strip()}
    unknown = set(given) - set(CREDENTIAL_FIELDS[account.gateway])
    if unknown:
        raise InvalidInputError("There is no such credential.", min(unknown))
    if not given:
        return
    _check_mode(account.gateway, given, live=account.live)
    signing = _WEBHOOK_FIELDS[account.gateway]
    if signing in given and signing in account.credentials:
        given[signing + _BEFORE] = _open(account, signing, key_ring)
    account.credentials = {**account.credentials, **_sealed(account, given, key_ring)}
    session.flush()
    _audit(session, account, "update", {"credentials": (None, None)})


def reseal_credentials(
    session: Session, account: GatewayAccount, key_ring: dict[str, bytes]
) -> None:
    """Encrypt again with the ring's first key, so that an older key can be dropped."""
    plain = {field: _open(account, field, key_ring) for field in account.credentials}
    account.credentials = _sealed(account, plain, key_ring)
    session.flush()


def set_enabled(session: Session, account: GatewayAccount, *, enabled: bool) -> None:
    """Offer the account to clients or not; raises InvalidInputError for a second one in use."""
    if enabled == account.enabled:
        return
    if enabled:
        _refuse_second(session, account.reseller_id, account.gateway, account.currency)
    account.enabled = enabled
    session.flush()
    _audit(session, account, "update", {"enabled": (not enabled, enabled)})


def list_accounts(session: Session, reseller_id: int) -> list[GatewayAccount]:
    """By position, then name."""
    return list(
        session.scalars(
            select(GatewayAccount)
            .where(GatewayAccount.reseller_id == reseller_id)
            .order_by(GatewayAccount.position, GatewayAccount.name)
        )
    )


def get_account(session: Session, account_id: int) -> GatewayAccount:
    """Raises NotFoundError, also for an account of another tenant."""
    account = session.scalar(select(GatewayAccount).where(GatewayAccount.id == account_id))
    if account is None:
        raise NotFoundError("Gateway not found.")
    return account


def find_account(session: Session, *, reseller_id: int, currency: str) -> GatewayAccount | None:
    """The enabled account of the reseller that takes the currency, the first by position."""
    return session.scalar(
        select(GatewayAccount)
        .where(
            GatewayAccount.reseller_id == reseller_id,
            GatewayAccount.currency == currency,
            GatewayAccount.enabled,
        )
        .order_by(GatewayAccount.position, GatewayAccount.id)
        .limit(1)
    )


def require_account(session: Session, *, reseller_id: int, currency: str) -> GatewayAccount:
    """As `find_account`; raises NoGatewayError."""
    account = find_account(session, reseller_id=reseller_id, currency=currency)
    if account is None:
        raise NoGatewayError("Card payments in %(currency)s are not set up.", currency=currency)
    return account


def takes(account: GatewayAccount, kind: str) -> bool:
    """Whether the account charges what was saved of this kind: a bank account only if allowed."""
    return kind != MethodKind.BANK_ACCOUNT or account.bank_accounts


def find_by_webhook_token(session: Session, gateway: str, token: str) -> GatewayAccount | None:
    """The account that a webhook's address names; needs the platform's session."""
    return session.scalar(
        select(GatewayAccount).where(
            GatewayAccount.webhook_token == token, GatewayAccount.gateway == gateway
        )
    )


def webhook_url(account: GatewayAccount, base_url: str) -> str:
    """What the reseller enters at the gateway."""
    return f"{base_url}/webhooks/{account.gateway}/{account.webhook_token}"


def describe_credentials(account: GatewayAccount) -> list[StoredCredential]:
    """Which credentials are stored, each with its last four characters at most."""
    return [
        StoredCredential(field, account.credentials[field]["last_four"])
        for field in CREDENTIAL_FIELDS.get(account.gateway, ())
        if field in account.credentials
    ]


def open_gateway(account: GatewayAccount, settings: Settings) -> Gateway:
    """The adapter with the account's opened credentials; close it after use.

    Raises NotAllowedError for a live account outside production, InvariantError for credentials
    that do not open (another row's, or a key that is missing).
    """
    if account.live and not settings.is_production:
        raise NotAllowedError("A live gateway account works in production only.")
    ring = settings.credential_key_ring
    signing = _WEBHOOK_FIELDS[account.gateway]
    webhook_secrets = tuple(
        _open(account, field, ring)
        for field in (signing, signing + _BEFORE)
        if field in account.credentials
    )
    return _OPENERS[account.gateway](account, settings, webhook_secrets)


def _open_authorizenet(
    account: GatewayAccount, settings: Settings, webhook_secrets: tuple[str, ...]
) -> Gateway:
    ring = settings.credential_key_ring
    return AuthorizeNetGateway(
        GatewayCredentials(
            login=_open(account, "login", ring),
            secret=_open(account, "transaction_key", ring),
            webhook_secrets=webhook_secrets,
        ),
        api_url=(
            settings.authorizenet_live_api_url
            if account.live
            else settings.authorizenet_test_api_url
        ),
        hosted_url=(
            settings.authorizenet_live_hosted_url
            if account.live
            else settings.authorizenet_test_hosted_url
        ),
        timeout_s=(_CONNECT_TIMEOUT_S, settings.gateway_read_timeout_s),
    )


def _open_stripe(
    account: GatewayAccount, settings: Settings, webhook_secrets: tuple[str, ...]
) -> Gateway:
    return StripeGateway(
        GatewayCredentials(
            login="",
            secret=_open(account, "secret_key", settings.credential_key_ring),
            webhook_secrets=webhook_secrets,
        ),
        api_url=settings.stripe_api_url,
        is_live=account.live,
        timeout_s=(_CONNECT_TIMEOUT_S, settings.gateway_read_timeout_s),
    )


_OPENERS: Mapping[str, Callable[[GatewayAccount, Settings, tuple[str, ...]], Gateway]] = {
    "authorizenet": _open_authorizenet,
    "stripe": _open_stripe,
}


def _check_mode(gateway: str, credentials: Mapping[str, str], *, live: bool) -> None:
    """A key that moves real money has no place in a sandbox account, nor the other way round."""
    key = credentials.get("secret_key", "")
    if gateway != "stripe" or not key or key.startswith(_STRIPE_MODES[live]):
        return
    if live:
        raise InvalidInputError("Enter a live secret key: it begins with sk_live_.", "secret_key")
    raise InvalidInputError("Enter a test secret key: it begins with sk_test_.", "secret_key")


def _check_bank_accounts(currency: str, *, wanted: bool) -> None:
    if wanted and currency != BANK_CURRENCY:
        raise InvalidInputError("Bank accounts can be debited in USD only.", "bank_accounts")


def _check_payment_account(session: Session, reseller_id: int, payment_account_id: int) -> None:
    found = session.scalar(
        select(PaymentAccount.id).where(
            PaymentAccount.id == payment_account_id, PaymentAccount.reseller_id == reseller_id
        )
    )
    if found is None:
        raise InvalidInputError("Choose a payment account of this reseller.", "payment_account_id")


def _refuse_second(session: Session, reseller_id: int, gateway: str, currency: str) -> None:
    taken = session.scalar(
        select(GatewayAccount.id).where(
            GatewayAccount.reseller_id == reseller_id,
            GatewayAccount.gateway == gateway,
            GatewayAccount.currency == currency,
            GatewayAccount.enabled,
        )
    )
    if taken is not None:
        raise InvalidInputError("Another account of this gateway takes this currency.", "currency")


def _complete(gateway: str, credentials: Mapping[str, str]) -> dict[str, str]:
    complete = {}
    for field in CREDENTIAL_FIELDS[gateway]:
        text = credentials.get(field, "").strip()
        if not text and field in LATER_FIELDS:
            continue
        if not text:
            raise InvalidInputError("Fill in this field.", field)
        complete[field] = text
    return complete


def _sealed(
    account: GatewayAccount, plain: Mapping[str, str], key_ring: dict[str, bytes]
) -> dict[str, dict[str, str]]:
    return {
        field: {
            "sealed": secrets.encrypt(key_ring, _place(account, field), text),
            # of a short secret four characters would be too much of it
            "last_four": text[-_SHOWN:] if len(text) > 2 * _SHOWN else "",
        }
        for field, text in plain.items()
    }


def _open(account: GatewayAccount, field: str, key_ring: dict[str, bytes]) -> str:
    stored: str = account.credentials[field]["sealed"]
    return secrets.decrypt(key_ring, _place(account, field), stored)


def _place(account: GatewayAccount, field: str) -> str:
    return f"gateway_accounts|{field}|{account.reseller_id}|{account.id}"


def _audit(
    session: Session,
    account: GatewayAccount,
    action: str,
    changes: Mapping[str, tuple[object, object]],
) -> None:
    audit.record(
        session,
        reseller_id=account.reseller_id,
        action=action,
        object_type="gateway_account",
        object_id=account.id,
        object_label=account.name,
        changes=changes,
    )
