"""Many clients at once, where only their number matters."""

from sqlalchemy import text

from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tests.factories.cast import Tenant


def make_crowd(tenant: Tenant, count: int, *, name: str = "Client") -> list[int]:
    """`count` bare clients with balances and billing rows, named "Client 00001" and on."""
    with tenant_scope(tenant.scope), unit_of_work() as session:
        ids = list(
            session.scalars(
                text(
                    "insert into clients (request_id, reseller_id, name, name_key, currency,"
                    " timezone)"
                    " select gen_random_uuid(), :r, :name || ' ' || lpad(i::text, 5, '0'),"
                    " lower(:name) || ' ' || lpad(i::text, 5, '0'), 'USD', 'UTC'"
                    " from generate_series(1, :n) i returning id"
                ),
                {"r": tenant.id, "n": count, "name": name},
            )
        )
        for table in ("client_balances", "client_billing"):
            currency = ("currency,", "c.currency,") if table == "client_balances" else ("", "")
            session.execute(
                text(
                    f"insert into {table} ({currency[0]} client_id, reseller_id)"
                    f" select {currency[1]} c.id, c.reseller_id from clients c"
                    " where c.id = any(:ids)"
                ),
                {"ids": ids},
            )
        return sorted(ids)
