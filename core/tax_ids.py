"""Tax numbers that say their country: the VAT numbers of the EU, Britain, Switzerland and Norway.

Only these are checked, by `python-stdnum`; a number without such a prefix is anybody's own and
taken as it is.
"""

import re
from collections.abc import Callable

from stdnum import get_cc_module
from stdnum.eu import vat as eu_vat

from core.errors import InvalidInputError, InvariantError

# Greece writes EL, Northern Ireland XI; the others their ISO code
_COUNTRIES = {
    **{code.upper(): code for code in eu_vat.MEMBER_STATES},
    "EL": "gr",
    "GB": "gb",
    "CH": "ch",
    "NO": "no",
}
_SEPARATORS = re.compile(r"[\s.\-/]+")


def check_tax_id(text: str, field: str = "tax_id") -> None:
    """Raises InvalidInputError when the number names its country and cannot be one of it."""
    number = _SEPARATORS.sub("", text).upper()
    country = _COUNTRIES.get(number[:2])
    # without any digit it is a word, such as DEPOT
    if country is None or not any(letter.isdecimal() for letter in number[2:]):
        return
    if not _checker(country)(number):
        raise InvalidInputError(
            "This is no valid tax number of the country that its first letters name. Check the"
            " digits, or leave the letters away.",
            field,
        )


def _checker(country: str) -> Callable[[str], bool]:
    if country in eu_vat.MEMBER_STATES:
        return eu_vat.is_valid
    module = get_cc_module(country, "vat")
    if module is None:
        raise InvariantError(f"there is no check of VAT numbers of {country}")
    return module.is_valid
