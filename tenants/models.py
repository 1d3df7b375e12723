"""Who: resellers, their staff and roles, the platform's staff, clients and what describes them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, ClientOwned, TenantOwned

CLIENT_STATUSES = ("active", "stop", "deleted")
TAG_COLORS = ("red", "amber", "green", "teal", "blue", "violet", "pink")


class Reseller(Base):
    """A tenant. `path` holds its ancestors and itself, root first.

    Walled by a policy on its own id instead of `reseller_id`. `request_id` comes from the drawn
    form: a second click finds the first reseller.
    """

    __tablename__ = "resellers"
    __table_args__ = (
        UniqueConstraint("code"),
        UniqueConstraint("request_id"),
        CheckConstraint("status in ('active', 'suspended')", "status"),
        CheckConstraint("code ~ '^[a-z0-9][a-z0-9-]{0,39}$'", "code"),
        Index("ix_resellers_path", "path", postgresql_using="gin"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    request_id: Mapped[UUID | None]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("resellers.id"))
    path: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    name: Mapped[str]
    code: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="active")
    currency: Mapped[str]
    timezone: Mapped[str]
    locale: Mapped[str] = mapped_column(server_default="en")
    company_name: Mapped[str] = mapped_column(server_default="")
    address: Mapped[str] = mapped_column(server_default="")
    zip_code: Mapped[str] = mapped_column(server_default="")
    tax_id: Mapped[str] = mapped_column(server_default="")
    reg_id: Mapped[str] = mapped_column(server_default="")
    account_details: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str] = mapped_column(server_default="")
    mail_from: Mapped[str] = mapped_column(server_default="")
    mail_from_name: Mapped[str] = mapped_column(server_default="")
    portal_host: Mapped[str | None] = mapped_column(unique=True)
    brand_color: Mapped[str] = mapped_column(server_default="")
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Role(TenantOwned, Base):
    """A named set of permissions (`tenants.permissions.Permission` values)."""

    __tablename__ = "roles"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "name"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str]
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    version: Mapped[int] = mapped_column(server_default="1")


class User(TenantOwned, Base):
    """A person of a reseller who signs in to the back office.

    `allowed_networks`: addresses it may come from, in CIDR; empty means from everywhere.
    `second_factor_since` only tells the lists; `second_factors` decides.
    """

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        Index("uq_users_email", "reseller_id", text("lower(email)"), unique=True),
        # sign-in asks before a tenant is known
        Index("ix_users_email", text("lower(email)")),
        Index("ix_users_name", "reseller_id", text("lower(name)"), "id"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        ForeignKeyConstraint(["reseller_id", "role_id"], ["roles.reseller_id", "roles.id"]),
        CheckConstraint("status in ('active', 'stop')", "status"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    role_id: Mapped[int] = mapped_column(BigInteger)
    email: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default="active")
    locale: Mapped[str] = mapped_column(server_default="en")
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    password_changed_at: Mapped[datetime | None]
    # keys without Ctrl or Alt can be switched off by each person (WCAG 2.1.4)
    keyboard_shortcuts: Mapped[bool] = mapped_column(server_default="true")
    last_sign_in_at: Mapped[datetime | None]
    allowed_networks: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    second_factor_since: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PlatformUser(Base):
    """A person of the platform's operator; sees every tenant."""

    __tablename__ = "platform_users"
    __table_args__ = (
        Index("uq_platform_users_email", text("lower(email)"), unique=True),
        CheckConstraint("role in ('admin', 'viewer')", "role"),
        CheckConstraint("status in ('active', 'stop')", "status"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default="active")
    locale: Mapped[str] = mapped_column(server_default="en")
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    password_changed_at: Mapped[datetime | None]
    # keys without Ctrl or Alt can be switched off by each person (WCAG 2.1.4)
    keyboard_shortcuts: Mapped[bool] = mapped_column(server_default="true")
    last_sign_in_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Client(TenantOwned, Base):
    """A customer or vendor of one reseller: the General block of its form.

    `request_id` comes from the drawn form: a second click finds the first client.
    `name_key` is `core.names.sort_key(name)`: what lists are sorted and searched by.
    """

    __tablename__ = "clients"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "request_id"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        CheckConstraint("status in ('active', 'stop', 'deleted')", "status"),
        ForeignKeyConstraint(
            ["reseller_id", "template_id"], ["client_templates.reseller_id", "client_templates.id"]
        ),
        CheckConstraint("name <> ''", "name_given"),
        CheckConstraint("erased_at is null or status = 'deleted'", "erased"),
        CheckConstraint("restores_status in ('active', 'stop')", "restores_status"),
        CheckConstraint("is_originator or is_terminator", "role_given"),
        Index("ix_clients_list", "reseller_id", "status", "name_key", "id"),
        Index("ix_clients_name", "reseller_id", "name_key", "id"),
        Index(
            "ix_clients_template",
            "reseller_id",
            "template_id",
            postgresql_where=text("template_id is not null"),
        ),
        Index("ix_clients_erased", "id", postgresql_where=text("erased_at is not null")),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(start=1001), primary_key=True)
    request_id: Mapped[UUID]
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(Text(collation="C"))
    currency: Mapped[str]
    timezone: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="active")
    # until it has accounts to tell it from, a client's role is what staff say it is
    is_originator: Mapped[bool] = mapped_column(server_default="true")
    is_terminator: Mapped[bool] = mapped_column(server_default="false")
    # the template applied last: values were copied, so it says where they came from, no more
    template_id: Mapped[int | None] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_by: Mapped[str] = mapped_column(server_default="")
    deleted_at: Mapped[datetime | None]
    # what the client was before it was deleted, for bringing it back
    restores_status: Mapped[str | None]
    # removed for good: what is left holds the ledger and the invoices, without a name
    erased_at: Mapped[datetime | None]


class ClientCompany(ClientOwned, Base):
    """The Company Info block."""

    __tablename__ = "client_companies"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
    )
    client_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    company_name: Mapped[str] = mapped_column(server_default="")
    main_email: Mapped[str] = mapped_column(server_default="")
    noc_email: Mapped[str] = mapped_column(server_default="")
    notify_factors_watcher: Mapped[bool] = mapped_column(server_default="false")
    billing_email: Mapped[str] = mapped_column(server_default="")
    rates_email: Mapped[str] = mapped_column(server_default="")
    address: Mapped[str] = mapped_column(server_default="")
    zip_code: Mapped[str] = mapped_column(server_default="")
    tax_id: Mapped[str] = mapped_column(server_default="")
    reg_id: Mapped[str] = mapped_column(server_default="")
    account_details: Mapped[str] = mapped_column(server_default="")
    locale: Mapped[str] = mapped_column(server_default="")


class ClientLogin(ClientOwned, Base):
    """The Client Panel block: the client's own login at /clients/."""

    __tablename__ = "client_logins"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        Index(
            "uq_client_logins_login",
            "reseller_id",
            text("lower(login)"),
            unique=True,
            postgresql_where=text("enabled"),
        ),
        # sign-in asks before a tenant is known
        Index("ix_client_logins_login", text("lower(login)"), postgresql_where=text("enabled")),
        CheckConstraint("not enabled or login <> ''", "login_given"),
    )
    client_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    enabled: Mapped[bool] = mapped_column(server_default="false")
    login: Mapped[str] = mapped_column(server_default="")
    password_hash: Mapped[str | None]
    password_changed_at: Mapped[datetime | None]
    last_sign_in_at: Mapped[datetime | None]
    # the panel was on when the client was deleted
    restores: Mapped[bool] = mapped_column(server_default="false")


class Tag(TenantOwned, Base):
    """A word on clients; `color` is one of TAG_COLORS, or empty."""

    __tablename__ = "tags"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        Index("uq_tags_name", "reseller_id", text("lower(name)"), unique=True),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        CheckConstraint("name <> ''", "name_given"),
        CheckConstraint(
            "color in ({})".format(", ".join(f"'{name}'" for name in ("", *TAG_COLORS))), "color"
        ),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str]
    color: Mapped[str] = mapped_column(server_default="")


class ClientTag(ClientOwned, Base):
    __tablename__ = "client_tags"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        ForeignKeyConstraint(["reseller_id", "tag_id"], ["tags.reseller_id", "tags.id"]),
        Index("ix_client_tags_tag", "reseller_id", "tag_id"),
    )
    client_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tag_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)


class ClientTemplate(TenantOwned, Base):
    """Values for new clients, copied once when it is applied; null: the template does not say.

    What other packages own of it stands in their tables, by `template_id`.
    """

    __tablename__ = "client_templates"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "request_id"),
        Index("uq_client_templates_name", "reseller_id", text("lower(name)"), unique=True),
        Index(
            "uq_client_templates_default",
            "reseller_id",
            unique=True,
            postgresql_where=text("is_default"),
        ),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        CheckConstraint("name <> ''", "name_given"),
        CheckConstraint("role in ('originator', 'terminator', 'both')", "role"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    request_id: Mapped[UUID]
    name: Mapped[str]
    is_default: Mapped[bool] = mapped_column(server_default="false")
    currency: Mapped[str | None]
    timezone: Mapped[str | None]
    role: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default="1")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_by: Mapped[str] = mapped_column(server_default="")


class ClientTemplateTag(TenantOwned, Base):
    """A tag that a template gives; it leaves the template when the tag is deleted."""

    __tablename__ = "client_template_tags"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "template_id"],
            ["client_templates.reseller_id", "client_templates.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["reseller_id", "tag_id"], ["tags.reseller_id", "tags.id"], ondelete="CASCADE"
        ),
        Index("ix_client_template_tags_tag", "reseller_id", "tag_id"),
    )
    template_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tag_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)


class File(TenantOwned, Base):
    """Bytes kept once: invoice files, and what staff put beside a client. Never changed."""

    __tablename__ = "files"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        Index(
            "ix_files_client",
            "reseller_id",
            "client_id",
            postgresql_where=text("client_id is not null"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[int | None] = mapped_column(BigInteger)
    name: Mapped[str]
    media_type: Mapped[str]
    sha256: Mapped[str]
    size: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AuditRecord(TenantOwned, Base):
    """Who did what to which object; `changes` maps each field to [before, after].

    A row is written without its seal; `tenants.audit_chain` gives it one, once, soon after.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        Index("ix_audit_log_recent", "reseller_id", text("id desc")),
        Index("ix_audit_log_object", "reseller_id", "object_type", "object_id"),
        Index("ix_audit_log_client", "reseller_id", "client_id", text("id desc")),
        UniqueConstraint("reseller_id", "seal_no"),
        Index(
            "ix_audit_log_unsealed",
            "reseller_id",
            "id",
            postgresql_where=text("seal_no is null"),
        ),
        Index(
            "ix_audit_log_client_at", "reseller_id", "client_id", text("at desc"), text("id desc")
        ),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    client_id: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    actor_label: Mapped[str]
    on_behalf_of: Mapped[str | None]
    ip: Mapped[str | None]
    action: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[str]
    object_label: Mapped[str] = mapped_column(server_default="")
    changes: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    seal_no: Mapped[int | None] = mapped_column(BigInteger)
    seal_hash: Mapped[str | None]


class Event(TenantOwned, Base):
    """What the system noticed and staff should know; `dedupe_key` makes it say so once.

    `text` is English; `message` with `params` says the same in any language (empty in old rows).
    `noticed_at` is when it was decided who is mailed about it.
    """

    __tablename__ = "events"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        CheckConstraint("level in ('info', 'warning', 'error')", "level"),
        UniqueConstraint("reseller_id", "id"),
        UniqueConstraint("reseller_id", "dedupe_key"),
        Index("ix_events_recent", "reseller_id", text("id desc")),
        Index(
            "ix_events_unnoticed",
            "reseller_id",
            "id",
            postgresql_where=text("noticed_at is null"),
        ),
        Index("ix_events_client", "reseller_id", "client_id", text("at desc"), text("id desc")),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    client_id: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime]
    level: Mapped[str]
    service: Mapped[str]
    code: Mapped[str]
    message: Mapped[str] = mapped_column(server_default="")
    params: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    text: Mapped[str]
    object_type: Mapped[str] = mapped_column(server_default="")
    object_id: Mapped[str] = mapped_column(server_default="")
    dedupe_key: Mapped[str | None]
    noticed_at: Mapped[datetime | None]
