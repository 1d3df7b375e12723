"""E-mail addresses: Latin characters only, because that is what invoices can be sent to."""

from email_validator import EmailNotValidError, validate_email

from core.errors import InvalidInputError


def checked_email(text: str, field: str) -> str:
    """The address in its normal form, or "" for none; raises InvalidInputError at `field`."""
    address = text.strip()
    if not address:
        return ""
    if not address.isascii():
        raise InvalidInputError("Use only Latin characters in an e-mail address.", field)
    try:
        return validate_email(
            address, check_deliverability=False, allow_smtputf8=False, test_environment=True
        ).normalized
    except EmailNotValidError as error:
        raise InvalidInputError("Enter a valid e-mail address.", field) from error
