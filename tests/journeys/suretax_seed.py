"""A reseller of its own for the journey of SureTax: a client in New York with a charge.

Run as a program on the site's database; prints the client's id as JSON.
"""

import json
from decimal import Decimal

from billing import numbers, transactions
from core import platform_uow, uow
from core.config import load_settings
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from mail import queue
from tenants.client_blocks import Company
from tests.factories import cast


def main() -> None:
    settings = load_settings()
    uow.configure(settings)
    platform_uow.configure(settings)
    queue.configure(settings)
    umbra = cast.make_tenant("Umbra", "umbra")
    client = cast.make_client(
        umbra,
        "Harbor Cafe",
        company=Company(company_name="Harbor Cafe Inc", zip_code="10001"),
    )
    with tenant_scope(umbra.scope), unit_of_work() as session:
        numbers.save_template(session, reseller_id=umbra.id, template="UMB%Y%N")
        transactions.create_charge(
            session,
            transaction_id=new_id(),
            client_id=client.id,
            amount=Decimal(100),
            description="SIP trunks",
        )
    print(json.dumps({"client": client.id}))  # noqa: T201 (a program that prints)


if __name__ == "__main__":
    main()
