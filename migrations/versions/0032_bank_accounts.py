"""Bank accounts beside cards: what a saved method is, and whether a gateway account takes them."""

from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.execute(
        """
ALTER TABLE gateway_accounts
    ADD COLUMN bank_accounts BOOLEAN DEFAULT false NOT NULL,
    ADD CONSTRAINT ck_gateway_accounts_bank_accounts
        CHECK (not bank_accounts or currency = 'USD');
ALTER TABLE saved_cards
    ADD COLUMN kind VARCHAR DEFAULT 'card' NOT NULL,
    ADD CONSTRAINT ck_saved_cards_kind CHECK (kind in ('card', 'bank_account'));
"""
    )
