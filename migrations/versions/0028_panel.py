"""What a reseller lets its clients do by themselves, and what the panel may write for it.

The panel's role may fill in the company block of its own client: those columns and no other; and
say in the client's row that it has changed, so that staff's open forms are told.
"""

from alembic import op

from migrations.walls import wall_table

revision = "0028"
down_revision = "0027"

_TABLE = """
CREATE TABLE panel_rules (
    reseller_id BIGINT NOT NULL,
    edits_contacts BOOLEAN DEFAULT 'true' NOT NULL,
    edits_company BOOLEAN DEFAULT 'false' NOT NULL,
    edits_tax_ids BOOLEAN DEFAULT 'false' NOT NULL,
    switches_auto_payment BOOLEAN DEFAULT 'true' NOT NULL,
    refill_amounts NUMERIC(20, 6)[] DEFAULT '{10,25,50,100}' NOT NULL,
    CONSTRAINT pk_panel_rules PRIMARY KEY (reseller_id),
    CONSTRAINT fk_panel_rules_reseller_id FOREIGN KEY(reseller_id) REFERENCES resellers (id),
    CONSTRAINT ck_panel_rules_refill_amounts CHECK (cardinality(refill_amounts) between 1 and 6)
)
"""
_COMPANY = (
    "company_name, main_email, billing_email, rates_email, noc_email, address, zip_code, tax_id,"
    " reg_id"
)


def upgrade() -> None:
    op.execute(_TABLE)
    wall_table(
        "panel_rules",
        office="select, insert, update",
        platform="select",
        panel="select",
        panel_client=None,
    )
    op.execute(
        f"grant insert (reseller_id, client_id, {_COMPANY}), update ({_COMPANY})"
        " on client_companies to portal_panel"
    )
    op.execute("grant update (version, updated_at, updated_by) on clients to portal_panel")
