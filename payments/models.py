"""Money crossing our border: gateways, saved cards, refills, attempts, inbound events."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Identity,
    Index,
    Numeric,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Amount, Base, ClientOwned, TenantOwned

OPEN_REFILL_STATES = "'requested', 'processing', 'held', 'unknown'"
OPEN_ATTEMPT_STATES = "'sending', 'unknown', 'held', 'succeeded'"


class GatewayAccount(TenantOwned, Base):
    """A reseller's merchant account at one gateway. Credentials are encrypted, write-only.

    `webhook_token` stands in the webhook's address and is not guessable.
    """

    __tablename__ = "gateway_accounts"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("webhook_token"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        ForeignKeyConstraint(
            ["reseller_id", "payment_account_id"],
            ["payment_accounts.reseller_id", "payment_accounts.id"],
        ),
        CheckConstraint("gateway in ('authorizenet', 'stripe')", "gateway"),
        CheckConstraint("not bank_accounts or currency = 'USD'", "bank_accounts"),
        Index(
            "uq_gateway_accounts_currency",
            "reseller_id",
            "gateway",
            "currency",
            unique=True,
            postgresql_where=text("enabled"),
        ),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    gateway: Mapped[str]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    payment_account_id: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    live: Mapped[bool]
    enabled: Mapped[bool] = mapped_column(server_default="true")
    position: Mapped[int] = mapped_column(server_default="1")
    credentials: Mapped[dict[str, Any]]
    # whether clients may save US bank accounts beside cards, and pay from them
    bank_accounts: Mapped[bool] = mapped_column(server_default="false")
    webhook_token: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class GatewayCustomer(ClientOwned, Base):
    """The gateway's own record of a client."""

    __tablename__ = "gateway_customers"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        ForeignKeyConstraint(
            ["reseller_id", "gateway_account_id"],
            ["gateway_accounts.reseller_id", "gateway_accounts.id"],
        ),
    )
    client_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    gateway_account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    customer_ref: Mapped[str]


class SavedCard(ClientOwned, Base):
    """A card or US bank account kept at the gateway; here only what may be stored of it.

    Brand, last four digits and expiry of a card; bank's name and last four digits of an account.
    """

    __tablename__ = "saved_cards"
    __table_args__ = (
        UniqueConstraint("reseller_id", "client_id", "id"),
        UniqueConstraint("reseller_id", "gateway_account_id", "customer_ref", "method_ref"),
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        ForeignKeyConstraint(
            ["reseller_id", "gateway_account_id"],
            ["gateway_accounts.reseller_id", "gateway_accounts.id"],
        ),
        CheckConstraint("state in ('active', 'removed')", "state"),
        CheckConstraint("kind in ('card', 'bank_account')", "kind"),
        Index(
            "uq_saved_cards_default",
            "reseller_id",
            "client_id",
            unique=True,
            postgresql_where=text("is_default and state = 'active'"),
        ),
        Index("ix_saved_cards_untold", "tell_at", postgresql_where=text("tell_at is not null")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    gateway_account_id: Mapped[int] = mapped_column(BigInteger)
    customer_ref: Mapped[str]
    method_ref: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default="card")
    brand: Mapped[str]
    last_four: Mapped[str]
    expiry_month: Mapped[int | None]
    expiry_year: Mapped[int | None]
    network_transaction_ref: Mapped[str | None]
    is_default: Mapped[bool] = mapped_column(server_default="false")
    state: Mapped[str] = mapped_column(server_default="active")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    removed_at: Mapped[datetime | None]
    # when the client is to be told what became of the card; null: it knows
    tell_at: Mapped[datetime | None]
    # state and details as the client was told last
    told_state: Mapped[str] = mapped_column(server_default="")
    told_as: Mapped[str] = mapped_column(server_default="")
    # the last day of the card of which its coming was told
    expiry_told_on: Mapped[date | None]


class Refill(ClientOwned, Base):
    """A wish to add money; its id was made when the form was drawn, so a second click finds it.

    `amount` is what was asked for, `credited` what came, `returned` what we gave back of it and
    `charged_back` what the bank holds back, in `currency` at its minor unit.
    `figures` keeps what an automatic charge was computed from.
    """

    __tablename__ = "refills"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "client_id", "id"),
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "currency"],
            [
                "client_balances.reseller_id",
                "client_balances.client_id",
                "client_balances.currency",
            ],
        ),
        ForeignKeyConstraint(
            ["reseller_id", "gateway_account_id"],
            ["gateway_accounts.reseller_id", "gateway_accounts.id"],
        ),
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "saved_card_id"],
            ["saved_cards.reseller_id", "saved_cards.client_id", "saved_cards.id"],
        ),
        CheckConstraint("source in ('panel', 'staff', 'auto')", "source"),
        CheckConstraint("method in ('saved_card', 'hosted_page')", "method"),
        CheckConstraint("(method = 'saved_card') = (saved_card_id is not null)", "card_given"),
        CheckConstraint(
            "state in ('requested', 'processing', 'held', 'unknown', 'succeeded', 'declined',"
            " 'failed', 'abandoned')",
            "state",
        ),
        CheckConstraint("amount > 0", "amount"),
        CheckConstraint("credited >= 0 and credited <= amount", "credited"),
        CheckConstraint("returned >= 0 and returned <= credited", "returned"),
        CheckConstraint("charged_back >= 0 and charged_back <= credited", "charged_back"),
        Index("ix_refills_client", "reseller_id", "client_id", text("created_at desc")),
        Index("ix_refills_recent", "reseller_id", text("created_at desc"), text("id desc")),
        Index(
            "uq_refills_one_open_auto",
            "reseller_id",
            "client_id",
            unique=True,
            postgresql_where=text(f"source = 'auto' and state in ({OPEN_REFILL_STATES})"),
        ),
        Index(
            "ix_refills_open",
            "next_look_at",
            postgresql_where=text(f"state in ({OPEN_REFILL_STATES})"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str]
    method: Mapped[str]
    gateway_account_id: Mapped[int] = mapped_column(BigInteger)
    saved_card_id: Mapped[UUID | None]
    amount: Mapped[Amount]
    currency: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="requested")
    credited: Mapped[Amount] = mapped_column(server_default="0")
    returned: Mapped[Amount] = mapped_column(server_default="0")
    charged_back: Mapped[Amount] = mapped_column(server_default="0")
    reason: Mapped[str] = mapped_column(server_default="")
    figures: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    author: Mapped[str] = mapped_column(server_default="")
    next_look_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]


class ChargeAttempt(ClientOwned, Base):
    """One request to a gateway, written before its first byte leaves.

    `key` goes out as the gateway's invoice number and refId. At most one attempt of a refill may
    be open or paid: the partial unique index holds it whatever the code does.
    """

    __tablename__ = "charge_attempts"
    __table_args__ = (
        UniqueConstraint("reseller_id", "refill_id", "n"),
        ForeignKeyConstraint(
            ["reseller_id", "client_id", "refill_id"],
            ["refills.reseller_id", "refills.client_id", "refills.id"],
        ),
        CheckConstraint("key ~ '^[0-9A-Z]{1,20}$'", "key"),
        CheckConstraint(
            "state in ('sending', 'unknown', 'held', 'succeeded', 'declined', 'not_charged')",
            "state",
        ),
        Index(
            "uq_charge_attempts_one_open",
            "reseller_id",
            "refill_id",
            unique=True,
            postgresql_where=text(f"state in ({OPEN_ATTEMPT_STATES})"),
        ),
        CheckConstraint("decision in ('approve', 'decline')", "decision"),
        Index("ix_charge_attempts_gateway_ref", "reseller_id", "gateway_ref"),
        Index(
            "ix_charge_attempts_sent",
            "reseller_id",
            "gateway_account_id",
            "first_sent_at",
        ),
        Index(
            "ix_charge_attempts_recheck",
            "recheck_at",
            postgresql_where=text("recheck_at is not null"),
        ),
    )
    key: Mapped[str] = mapped_column(primary_key=True)
    refill_id: Mapped[UUID]
    n: Mapped[int]
    gateway_account_id: Mapped[int] = mapped_column(BigInteger)
    request: Mapped[dict[str, Any]]
    state: Mapped[str]
    first_sent_at: Mapped[datetime | None]
    last_sent_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    gateway_ref: Mapped[str | None]
    approved: Mapped[Decimal | None] = mapped_column(Numeric(20, 6))
    looks: Mapped[int] = mapped_column(server_default="0")
    # when to look once more at what is paid; null: no second payment can come any more
    recheck_at: Mapped[datetime | None]
    # when the gateway was last asked about it
    looked_at: Mapped[datetime | None]
    answer: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    # what the staff decided about one that is held; a look-up tells the gateway
    decision: Mapped[str | None]
    decided_by: Mapped[str] = mapped_column(server_default="")
    # when we first heard that the gateway has settled it
    settled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class GatewayEvent(TenantOwned, Base):
    """What a gateway told us, stored once before it is answered 2xx; handled by a job."""

    __tablename__ = "gateway_events"
    __table_args__ = (
        UniqueConstraint("gateway_account_id", "event_id"),
        ForeignKeyConstraint(
            ["reseller_id", "gateway_account_id"],
            ["gateway_accounts.reseller_id", "gateway_accounts.id"],
        ),
        Index(
            "ix_gateway_events_waiting", "next_look_at", postgresql_where=text("handled_at is null")
        ),
        Index("ix_gateway_events_received", "gateway_account_id", "received_at"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    gateway_account_id: Mapped[int] = mapped_column(BigInteger)
    event_id: Mapped[str]
    kind: Mapped[str]
    gateway_ref: Mapped[str]
    attempt_key: Mapped[str]
    customer_ref: Mapped[str] = mapped_column(server_default="")
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    looks: Mapped[int] = mapped_column(server_default="0")
    next_look_at: Mapped[datetime] = mapped_column(server_default=func.now())
    handled_at: Mapped[datetime | None]
    result: Mapped[str] = mapped_column(server_default="")


class ClientAutoPayment(ClientOwned, Base):
    """The Auto Payment block and its state: caps, declines in a row, suspension."""

    __tablename__ = "client_auto_payments"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        CheckConstraint("extra_amount >= 0 and extra_amount < 1000000000", "extra_amount"),
        CheckConstraint("day_cap > 0 and month_cap > 0", "caps"),
        Index(
            "ix_client_auto_payments_enabled",
            "reseller_id",
            "client_id",
            postgresql_where=text("enabled"),
        ),
        Index(
            "ix_client_auto_payments_untold",
            "tell_resumed_at",
            postgresql_where=text("tell_resumed_at is not null"),
        ),
    )
    client_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    enabled: Mapped[bool] = mapped_column(server_default="false")
    extra_amount: Mapped[Amount] = mapped_column(server_default="0")
    day_cap: Mapped[Decimal | None] = mapped_column(Numeric(20, 6))
    month_cap: Mapped[Decimal | None] = mapped_column(Numeric(20, 6))
    declines_in_row: Mapped[int] = mapped_column(server_default="0")
    # from when on tries in vain count: a success, another card, or the staff end a row of them
    declines_forgotten_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # declines and failures since then; the retry calendar goes by it
    tries_in_vain: Mapped[int] = mapped_column(server_default="0")
    next_try_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    suspended_reason: Mapped[str] = mapped_column(server_default="")
    # a suspension ended then, and the client was not told yet
    tell_resumed_at: Mapped[datetime | None]


class ClientTemplateAutoPayment(TenantOwned, Base):
    """What a client template says of Auto Payment; null: it does not say."""

    __tablename__ = "client_template_auto_payments"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "template_id"],
            ["client_templates.reseller_id", "client_templates.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("extra_amount >= 0 and extra_amount < 1000000000", "extra_amount"),
        CheckConstraint("day_cap > 0 and month_cap > 0", "caps"),
    )
    template_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    enabled: Mapped[bool | None]
    extra_amount: Mapped[Decimal | None] = mapped_column(Numeric(20, 6))
    day_cap: Mapped[Decimal | None] = mapped_column(Numeric(20, 6))
    month_cap: Mapped[Decimal | None] = mapped_column(Numeric(20, 6))
