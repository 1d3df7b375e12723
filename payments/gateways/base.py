"""What every payment gateway adapter must do, in our words.

Business answers are values: no method of a gateway raises for a decline, a lost connection or a
refused request. Amounts are `Decimal` in the named currency, at its minor unit; times are aware, in
UTC.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, Literal, Protocol, TypeVar

from payments.gateways.answers import (
    CLEARING_CODE,
    CONFIRMATION_CODE,
    ChargeAnswer,
    GatewayTransaction,
    Lookup,
    LookupResult,
    MethodKind,
    Outcome,
    TransactionStatus,
)

__all__ = [
    "CLEARING_CODE",
    "CONFIRMATION_CODE",
    "KEY_MAX_LENGTH",
    "AccountInfo",
    "BeforeSend",
    "ChargeAnswer",
    "ChargeRequest",
    "EventKind",
    "Gateway",
    "GatewayCredentials",
    "GatewayTransaction",
    "HostedPage",
    "HostedPaymentRequest",
    "InboundEvent",
    "Initiator",
    "Lookup",
    "LookupResult",
    "MethodKind",
    "Outcome",
    "RefundRequest",
    "Reply",
    "ReplyStatus",
    "SavedMethod",
    "TransactionStatus",
]

T = TypeVar("T")

# The narrowest reference field of a supported gateway (Authorize.net: refId and invoiceNumber).
KEY_MAX_LENGTH = 20

# Called after the request is built and right before the first byte leaves. False: do not send.
BeforeSend = Callable[[], bool]


def _require_key(key: str) -> None:
    if not key or len(key) > KEY_MAX_LENGTH or not key.isascii() or not key.isprintable():
        raise ValueError(f"an attempt key is 1 to {KEY_MAX_LENGTH} printable ASCII characters")


def _require_amount(amount: Decimal) -> None:
    if not isinstance(amount, Decimal) or not amount.is_finite() or amount <= 0:
        raise ValueError("the amount must be a positive Decimal")


@dataclass(frozen=True, repr=False)
class GatewayCredentials:
    """One tenant's account at one gateway; its repr never shows a secret."""

    login: str
    secret: str
    # Newest first. Two while a secret is being replaced.
    webhook_secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"GatewayCredentials(login='…{self.login[-3:]}', secret=***,"
            f" webhook_secrets={len(self.webhook_secrets)}×***)"
        )


class Initiator(StrEnum):
    """Who starts a charge of a saved card; card networks want to know."""

    CUSTOMER = "customer"
    MERCHANT = "merchant"


@dataclass(frozen=True, kw_only=True)
class ChargeRequest:
    """All that a charge is built from; stored before it is sent, so a re-send is byte-identical.

    Raises ValueError for a key that is not 1 to 20 printable ASCII characters or an amount that is
    not a positive Decimal.
    """

    key: str
    amount: Decimal
    currency: str
    customer_profile_ref: str
    payment_profile_ref: str
    description: str = ""
    initiator: Initiator = Initiator.CUSTOMER
    # True on the charge with which the client agrees that the card is kept.
    first_use: bool = False
    # Of the first charge: given with merchant-initiated charges, as the card networks demand.
    original_network_transaction_id: str = ""
    original_amount: Decimal | None = None
    client_ip: str = ""
    allow_partial: bool = True
    # A bank account is debited: what is accepted is PENDING until the bank has paid.
    method: MethodKind = MethodKind.CARD

    def __post_init__(self) -> None:
        _require_key(self.key)
        _require_amount(self.amount)

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values only."""
        values = asdict(self)
        values["amount"] = str(self.amount)
        values["initiator"] = self.initiator.value
        values["method"] = self.method.value
        if self.original_amount is not None:
            values["original_amount"] = str(self.original_amount)
        return values

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ChargeRequest":
        """The very request that `to_json` wrote."""
        values = dict(stored)
        values["amount"] = Decimal(values["amount"])
        values["initiator"] = Initiator(values["initiator"])
        # written before there was anything but cards
        values["method"] = MethodKind(values.get("method", MethodKind.CARD))
        if values["original_amount"] is not None:
            values["original_amount"] = Decimal(values["original_amount"])
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class RefundRequest:
    """Money back for a settled charge, whole or in part. Raises ValueError like ChargeRequest."""

    key: str
    gateway_ref: str
    amount: Decimal
    currency: str
    last_four: str
    description: str = ""
    method: MethodKind = MethodKind.CARD

    def __post_init__(self) -> None:
        _require_key(self.key)
        _require_amount(self.amount)

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values only."""
        return {**asdict(self), "amount": str(self.amount), "method": self.method.value}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "RefundRequest":
        """The very request that `to_json` wrote."""
        method = MethodKind(stored.get("method", MethodKind.CARD))
        return cls(**{**stored, "amount": Decimal(stored["amount"]), "method": method})


@dataclass(frozen=True, kw_only=True)
class HostedPaymentRequest:
    """A one-off payment on the gateway's own page. Raises ValueError like ChargeRequest.

    Amount, currency and key are fixed here, on our server. The browser's return proves nothing: the
    outcome is learnt by `Gateway.find(key=…)` or by a webhook. The client may be declined and try
    again on the same page, so several transactions can carry the key: any captured one pays, and
    declines are final only when the page has expired.
    """

    key: str
    amount: Decimal
    currency: str
    return_url: str
    cancel_url: str
    description: str = ""
    merchant_name: str = ""
    # With it, the page can also save the card if `offer_to_save`.
    customer_profile_ref: str = ""
    offer_to_save: bool = False

    def __post_init__(self) -> None:
        _require_key(self.key)
        _require_amount(self.amount)
        if self.offer_to_save and not self.customer_profile_ref:
            raise ValueError("a card can be saved only to a customer profile")


@dataclass(frozen=True)
class HostedPage:
    """A page of the gateway that a browser reaches by sending `form_fields` to `url`."""

    url: str
    form_fields: Mapping[str, str] = field(repr=False)
    # After this the page answers that it has expired; a payment cannot begin later.
    valid_for_s: int
    method: Literal["post", "get"] = "post"


@dataclass(frozen=True)
class SavedMethod:
    """A card or bank account kept by the gateway; all that we may know of it.

    The brand of a bank account is its bank's name, empty where the gateway does not tell it.
    """

    payment_profile_ref: str
    brand: str
    last_four: str
    expiry_year: int | None = None
    expiry_month: int | None = None
    kind: MethodKind = MethodKind.CARD


@dataclass(frozen=True)
class AccountInfo:
    """What the gateway says about the account behind the credentials."""

    name: str
    currencies: tuple[str, ...]
    # Without it no lost answer can ever be looked up: the account must not be used.
    reports_enabled: bool
    # The account pretends: it makes no real charges.
    test_mode: bool


class EventKind(StrEnum):
    """What a webhook says has happened; a hint, the gateway's API is the truth."""

    CHARGE_CREATED = "charge_created"
    CHARGE_CAPTURED = "charge_captured"
    CHARGE_HELD = "charge_held"
    CHARGE_RELEASED = "charge_released"
    CHARGE_REJECTED = "charge_rejected"
    REFUND_CREATED = "refund_created"
    VOID_CREATED = "void_created"
    METHOD_CHANGED = "method_changed"
    METHOD_DELETED = "method_deleted"
    OTHER = "other"


@dataclass(frozen=True)
class InboundEvent:
    """A webhook whose signature was right. `event_id` is unique per gateway account.

    For METHOD_* events `gateway_ref` is the payment profile; otherwise the transaction.
    """

    event_id: str
    kind: EventKind
    gateway_ref: str = ""
    key: str = ""
    customer_ref: str = ""
    type_name: str = ""


class ReplyStatus(StrEnum):
    """How a call that moves no money ended."""

    OK = "ok"
    NOT_FOUND = "not_found"
    # The gateway understood and said no: wrong credentials, invalid request, limit reached.
    REFUSED = "refused"
    # No readable answer; asking again is harmless.
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Reply(Generic[T]):
    """The answer to a call that moves no money."""

    status: ReplyStatus
    value: T | None = None
    code: str = ""
    text: str = ""

    @property
    def ok(self) -> bool:
        return self.status is ReplyStatus.OK


class Gateway(Protocol):
    """One tenant's account at a payment gateway. Safe to use from several threads."""

    @property
    def payment_page_valid_for_s(self) -> int:
        """The longest that a page of `hosted_payment_page` can be paid."""
        ...

    @property
    def refunds_settled_only(self) -> bool:
        """Whether a refund waits for the settlement, and a void is possible only before it."""
        ...

    @property
    def decides_held(self) -> bool:
        """Whether what the gateway holds for review can be approved through it."""
        ...

    def close(self) -> None:
        """Drop the kept connections; a later call makes new ones."""
        ...

    def create_customer(self, *, merchant_customer_id: str) -> Reply[str]:
        """The gateway's customer ref for our stable id (at most 20 characters).

        Repeating it returns the same ref: an existing profile of the same id is adopted.
        """
        ...

    def hosted_card_page(
        self,
        *,
        customer_ref: str,
        return_url: str,
        cancel_url: str,
        kind: MethodKind = MethodKind.CARD,
    ) -> Reply[HostedPage]:
        """A page where the client adds a card or bank account; see it then in `list_methods`.

        A gateway without a separate cancel address sends the browser to `return_url` either way.
        """
        ...

    def hosted_payment_page(self, request: HostedPaymentRequest) -> Reply[HostedPage]:
        """A page where the client pays once; its outcome is found by `find` or a webhook."""
        ...

    def confirmation_page(self, gateway_ref: str, *, return_url: str) -> Reply[HostedPage]:
        """Where the client confirms a charge that its bank asks about (ACTION_REQUIRED).

        Its outcome is told by `fetch`. REFUSED when nothing waits for the client. A bank that is
        content without asking leads straight to `return_url`.
        """
        ...

    def list_methods(self, customer_ref: str) -> Reply[tuple[SavedMethod, ...]]:
        """The customer's saved cards and bank accounts, oldest first."""
        ...

    def delete_method(self, *, customer_ref: str, payment_profile_ref: str) -> Reply[None]:
        """Forget a card. A card that is already gone is OK too."""
        ...

    def delete_customer(self, customer_ref: str) -> Reply[None]:
        """Forget a customer with all its cards. One that is already gone is OK too."""
        ...

    def charge(
        self, request: ChargeRequest, *, before_send: BeforeSend | None = None
    ) -> ChargeAnswer:
        """Take money from a saved card, or have a saved bank account debited (PENDING at first).

        The same request sent twice within 8 hours charges once: the second answer tells of the
        first transaction and has `is_duplicate`.
        """
        ...

    def find(self, *, key: str, since: datetime, customer_ref: str = "") -> Lookup:
        """Transactions that carry the key, submitted at or after `since`.

        It may stop once one is found that took money; without one it has read all there is.
        """
        ...

    def find_all(self, *, key: str, since: datetime, customer_ref: str = "") -> Lookup:
        """As `find`, but every list is read to its end whatever is found: who paid twice?"""
        ...

    def list_transactions(self, *, since: datetime) -> Reply[tuple[GatewayTransaction, ...]]:
        """Every charge and refund submitted at or after `since`, and what was disputed since.

        For comparing, not for looking up: a row may lack what only the details tell. Complete, or
        not OK.
        """
        ...

    def fetch(self, gateway_ref: str) -> Reply[GatewayTransaction]:
        """The present state of one transaction."""
        ...

    def release(
        self, transaction: GatewayTransaction, *, before_send: BeforeSend | None = None
    ) -> ChargeAnswer:
        """Take the approved part of a partial approval that still waits (AWAITING_RELEASE).

        `charge` does this by itself; only a lost answer leaves a transaction waiting. Harmless to
        repeat.
        """
        ...

    def decide_held(
        self, gateway_ref: str, *, approve: bool, before_send: BeforeSend | None = None
    ) -> ChargeAnswer:
        """End the review of a held charge: take its money, or let it go.

        REFUSED where that is not possible; `fetch` tells what it came to, whatever the answer.
        """
        ...

    def void(self, gateway_ref: str, *, before_send: BeforeSend | None = None) -> ChargeAnswer:
        """Cancel a charge that is not settled yet. A second void is approved as well."""
        ...

    def refund(
        self, request: RefundRequest, *, before_send: BeforeSend | None = None
    ) -> ChargeAnswer:
        """Give back money of a settled charge. A repeated request refunds once, as `charge`."""
        ...

    def verify_webhook(self, headers: Mapping[str, str], raw: bytes) -> InboundEvent | None:
        """The event, if one of our webhook secrets signed exactly these bytes; else None.

        The signature may have no time in it: whoever stores the event must refuse an `event_id`
        that it has seen.
        """
        ...

    def check_credentials(self) -> Reply[AccountInfo]:
        """Whether the credentials work, and what the account can do."""
        ...
