"""A file to begin with: every heading that an import knows, and one made-up client."""

from io import BytesIO

from flask import send_file
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.sheet_writer import CSV_TYPE, XLSX_TYPE, write_csv, write_xlsx
from core.tenancy import current_scope
from core.uow import unit_of_work
from payments.client_import_rows import WRITABLE
from portal.access import office_view
from portal.office.client_headings import headings
from portal.office.imports.blueprint import bp
from tenants import resellers
from tenants.permissions import Permission

_KEYS = tuple(key for key in WRITABLE if key not in ("panel", "login"))
_EXAMPLE = {
    "name": "Example Telecom", "status": "active", "role": "orig", "tags": "wholesale, eu",
    "postpaid": "no", "credit": "500.00", "notify_client": "50.00", "autoinvoicing": "no",
    "auto_payment": "no", "extra_amount": "0.00", "company": "Example Telecom Ltd",
    "main_email": "office@client.example", "billing_email": "billing@client.example",
    "notify_factors_watcher": "no", "address": "1 Main Street", "zip_code": "10001",
}  # fmt: skip


@bp.get("/example.csv")
@office_view(Permission.CLIENTS_WRITE)
def example_csv() -> ResponseReturnValue:
    rows = [headings(_KEYS), _example()]
    return _send(b"".join(write_csv(rows, with_bom=True)), CSV_TYPE, "csv")


@bp.get("/example.xlsx")
@office_view(Permission.CLIENTS_WRITE)
def example_xlsx() -> ResponseReturnValue:
    out = BytesIO()
    write_xlsx(out, headings(_KEYS), [_example()], sheet=_("Clients"))
    return _send(out.getvalue(), XLSX_TYPE, "xlsx")


def _example() -> list[str]:
    with unit_of_work() as session:
        home = resellers.get_reseller(session, current_scope().home_reseller_id)
    own = {"reseller": home.name, "currency": home.currency, "timezone": home.timezone}
    return [(_EXAMPLE | own).get(key, "") for key in _KEYS]


def _send(content: bytes, media_type: str, ending: str) -> ResponseReturnValue:
    return send_file(
        BytesIO(content),
        mimetype=media_type,
        download_name=f"clients-example.{ending}",
        as_attachment=True,
        etag=False,
    )
