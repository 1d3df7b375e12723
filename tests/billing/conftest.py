"""Books to write in."""

import pytest

from tests.billing.books import Books, open_books


@pytest.fixture
def acme(clean_database) -> Books:
    return open_books("Acme", "acme")


@pytest.fixture
def globex(acme: Books) -> Books:
    return open_books("Globex", "globex", currency="EUR", timezone="Europe/Berlin")
