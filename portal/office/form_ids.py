"""Ids that a form carries since it was drawn: sent twice, they name the same row."""

from uuid import UUID

from flask import request

from core.errors import InvalidInputError


def read_form_id(name: str) -> UUID:
    """Raises InvalidInputError for a form without one: it was not drawn by us."""
    try:
        return UUID(request.form.get(name, ""))
    except ValueError as error:
        raise InvalidInputError("This form is out of date. Load the page anew.") from error
