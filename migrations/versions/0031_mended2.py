"""The panel asks and never answers: what its role may write of new rows is only a wish.

A voucher's redemption, a refill and an attempt begin open and with nothing credited; what came of
them, what staff decided and what workers found are not the panel's to write.
"""

from alembic import op

revision = "0031"
down_revision = "0030"

_ASKED = "id, client_id, reseller_id, source, pin_hashes, ip, author, created_at"
_ONLY = {
    "voucher_redemptions": "source = 'panel'",
    "refills": (
        "state = 'requested' and source = 'panel' and credited = 0 and returned = 0"
        " and charged_back = 0 and finished_at is null"
    ),
    "charge_attempts": (
        "state = 'sending' and gateway_ref is null and approved is null and decision is null"
        " and decided_by = '' and settled_at is null"
    ),
    "auto_payment_steps": "kind in ('on', 'off', 'resumed', 'card') and refill_id is null",
}


def upgrade() -> None:
    op.execute("revoke insert on voucher_redemptions from portal_panel")
    op.execute(f"grant insert ({_ASKED}) on voucher_redemptions to portal_panel")
    for table, rule in _ONLY.items():
        op.execute(
            f"create policy panel_asks on {table} as restrictive for insert to portal_panel"
            f" with check ({rule})"
        )
