"""Every text for people is in the catalog that translators get."""

import subprocess
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "translations" / "messages.pot"
MEND = "run `make messages` and commit translations/messages.pot"


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def _ids(catalog: Catalog) -> set[object]:
    return {message.id for message in catalog if message.id}


def test_the_catalog_holds_the_texts_of_the_source_and_no_others(tmp_path: Path):
    subprocess.run([ROOT / ".ci" / "messages", tmp_path / "now.pot"], check=True)
    wanted, found = _ids(_read(tmp_path / "now.pot")), _ids(_read(COMMITTED))
    assert not wanted - found, MEND
    assert not found - wanted, MEND


def test_the_catalog_holds_screens_letters_invoices_and_refusals():
    places = {place for message in _read(COMMITTED) for place, _ in message.locations}
    tops = {"/".join(place.split("/")[:2]) for place in places}
    assert {
        "portal/signin",
        "templates/mail",
        "billing/invoice_format.py",
        "tenants/passwords.py",
    } <= tops
