"""SureTax accounts of the world, and invoices of its clients that wait for it or are filed."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from billing.suretax_models import SureTaxAccount, TaxFiling, TaxWait
from core import secrets
from core.clock import now
from core.config import Settings
from core.db import Session
from core.ids import new_id
from tests.factories import cast


def make_suretax(session: Session, settings: Settings, tenant: cast.Tenant, token: str) -> None:
    """Switched off, so that nothing else of the world changes; nobody listens at its address."""
    place = f"suretax_accounts|validation_key|{tenant.id}"
    session.add(
        SureTaxAccount(
            reseller_id=tenant.id,
            enabled=False,
            client_number=f"{tenant.id}",
            sealed_key=secrets.encrypt(settings.credential_key_ring, place, f"key {token}"),
            key_tail="tail",
            service="own",
            own_url="http://127.0.0.1:9",
            regulatory_code="03",
            usage_code="050105",
            package_code="050101",
            extra_code="050110",
        )
    )


def make_tax_waits(
    session: Session, client: cast.Client, token: str, invoice_id: UUID
) -> dict[str, str]:
    """One that waits for tomorrow, and a filing of the invoice that is put off until then."""
    at, here = now(), {"reseller_id": client.reseller_id, "client_id": client.id}
    later = at + timedelta(days=1)
    wait = TaxWait(
        id=new_id(),
        **here,
        autoinvoice=False,
        issue=True,
        starts_at=at - timedelta(days=30),
        ends_at=at,
        first_on=date(2026, 1, 1),
        last_on=date(2026, 1, 31),
        boundary_on=date(2026, 2, 1),
        attempts=1,
        next_try_at=later,
        reason=f"It waits {token}.",
    )
    filing = TaxFiling(
        invoice_id=invoice_id,
        **here,
        state="to_file",
        asked={
            "TotalRevenue": "1.0000",
            "ItemList": [
                {
                    "LineNumber": "1",
                    "TransTypeCode": "050105",
                    "Zipcode": "10001",
                    "Plus4": "",
                    "Revenue": "1.0000",
                }
            ],
        },
        answer={
            "code": "9999",
            "text": f"Success {token}",
            "taxes": [
                {
                    "line": "1",
                    "code": "101",
                    "name": f"Tax {token}",
                    "amount": "0.00",
                    "rate": "0",
                    "fee": "0",
                    "base": "1",
                    "taxable": "1",
                    "place": "NY",
                }
            ],
        },
        quote_id="1",
        tax=Decimal(0),
        attempts=1,
        next_try_at=later,
        reason=f"Put off {token}.",
    )
    session.add_all((wait, filing))
    session.flush()
    return {"tax_wait": str(wait.id)}
