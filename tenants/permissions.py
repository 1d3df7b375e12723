"""What a role may allow: `section:right`, in one sorted list."""

from enum import StrEnum


class Permission(StrEnum):
    """Rights per section of the back office."""

    AUDIT_EXECUTE = "audit:execute"
    AUDIT_READ = "audit:read"
    CLIENTS_EXECUTE = "clients:execute"
    CLIENTS_FULL_DELETE = "clients:full_delete"
    CLIENTS_READ = "clients:read"
    CLIENTS_WRITE = "clients:write"
    CURRENCIES_READ = "currencies:read"
    CURRENCIES_WRITE = "currencies:write"
    EVENTS_READ = "events:read"
    EVENTS_WRITE = "events:write"
    GATEWAYS_READ = "gateways:read"
    GATEWAYS_WRITE = "gateways:write"
    INVOICES_EXECUTE = "invoices:execute"
    INVOICES_READ = "invoices:read"
    INVOICES_WRITE = "invoices:write"
    MAIL_EXECUTE = "mail:execute"
    MAIL_READ = "mail:read"
    PACKAGES_READ = "packages:read"
    PACKAGES_WRITE = "packages:write"
    PAYMENTS_EXECUTE = "payments:execute"
    PAYMENTS_READ = "payments:read"
    PAYMENT_ACCOUNTS_READ = "payment_accounts:read"
    PAYMENT_ACCOUNTS_WRITE = "payment_accounts:write"
    REPORTS_READ = "reports:read"
    REPORTS_WRITE = "reports:write"
    RESELLERS_READ = "resellers:read"
    RESELLERS_WRITE = "resellers:write"
    ROLES_READ = "roles:read"
    ROLES_WRITE = "roles:write"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"
    TAGS_READ = "tags:read"
    TAGS_WRITE = "tags:write"
    TAXES_READ = "taxes:read"
    TAXES_WRITE = "taxes:write"
    TEMPLATES_READ = "templates:read"
    TEMPLATES_WRITE = "templates:write"
    TERMS_READ = "terms:read"
    TERMS_WRITE = "terms:write"
    TRANSACTIONS_READ = "transactions:read"
    TRANSACTIONS_WRITE = "transactions:write"
    USERS_EXECUTE = "users:execute"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    VOUCHERS_EXECUTE = "vouchers:execute"
    VOUCHERS_READ = "vouchers:read"
    VOUCHERS_WRITE = "vouchers:write"


ALL_PERMISSIONS = frozenset(Permission)
VIEWER_PERMISSIONS = frozenset(p for p in Permission if p.value.endswith(":read"))


# who runs the daily business sets up neither people nor the company
MANAGER_PERMISSIONS = ALL_PERMISSIONS - {
    Permission.AUDIT_EXECUTE,
    Permission.AUDIT_READ,
    Permission.CLIENTS_FULL_DELETE,
    Permission.RESELLERS_WRITE,
    Permission.ROLES_WRITE,
    Permission.SETTINGS_WRITE,
    Permission.USERS_EXECUTE,
    Permission.USERS_WRITE,
    # whoever holds the PINs holds the money
    Permission.VOUCHERS_EXECUTE,
}
STANDARD_ROLES: tuple[tuple[str, frozenset[Permission]], ...] = (
    ("Owner", ALL_PERMISSIONS),
    ("Billing manager", MANAGER_PERMISSIONS),
    ("Viewer", VIEWER_PERMISSIONS),
)
"""What every new reseller begins with; the first user gets the first."""


class PlatformPermission(StrEnum):
    """Rights of the platform's own staff."""

    EVENTS_READ = "events:read"
    HEALTH_EXECUTE = "health:execute"
    HEALTH_READ = "health:read"
    LEDGER_EXECUTE = "ledger:execute"
    LEDGER_READ = "ledger:read"
    QUEUES_READ = "queues:read"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"
    TENANTS_EXECUTE = "tenants:execute"
    TENANTS_READ = "tenants:read"
    TENANTS_WRITE = "tenants:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"


PLATFORM_ROLES: dict[str, frozenset[PlatformPermission]] = {
    "admin": frozenset(PlatformPermission),
    "viewer": frozenset(p for p in PlatformPermission if p.value.endswith(":read")),
}
