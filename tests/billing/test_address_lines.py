"""Addresses on paper."""

import pytest

from billing.address_lines import address_lines


@pytest.mark.parametrize(
    ("address", "zip_code", "lines"),
    [
        ("1 Road\nBoston, MA 02110\n", "02110", ["1 Road", "Boston, MA 02110"]),
        ("1 Road\nLondon SW1A 1AA, UK", "SW1A 1AA", ["1 Road", "London SW1A 1AA, UK"]),
        ("02 Road\nBoston", "0", ["02 Road", "Boston", "0"]),
        ("1 Road", "02110", ["1 Road", "02110"]),
        ("", "", []),
    ],
)
def test_a_zip_code_that_stands_in_the_address_is_not_told_twice(
    address: str, zip_code: str, lines: list[str]
) -> None:
    assert address_lines(address, zip_code) == lines
