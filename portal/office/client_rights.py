"""Which permission lets staff write which block of a client: the form, mass edit and import ask."""

from collections.abc import Iterable

from portal.viewer import Viewer
from tenants.permissions import Permission

BLOCK_PERMISSIONS: dict[str, Permission] = {
    "general": Permission.CLIENTS_WRITE,
    "panel": Permission.CLIENTS_WRITE,
    # credit is money lent
    "credit": Permission.TRANSACTIONS_WRITE,
    "low": Permission.CLIENTS_WRITE,
    "invoicing": Permission.INVOICES_WRITE,
    # charges a card by itself
    "auto": Permission.PAYMENTS_EXECUTE,
    "company": Permission.CLIENTS_WRITE,
}
"""The blocks by the prefix of their fields, in the order they stand on the form."""


def writable_blocks(viewer: Viewer) -> frozenset[str]:
    """The blocks that the viewer's role includes."""
    return frozenset(
        name for name, permission in BLOCK_PERMISSIONS.items() if viewer.may(permission)
    )


def permissions_of(blocks: Iterable[str]) -> list[str]:
    """What writing these blocks needs, sorted; a background task is asked for it again."""
    return sorted({BLOCK_PERMISSIONS[name].value for name in blocks})
