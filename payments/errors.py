"""Errors of the payments package."""

from core.errors import ConflictError, InvalidInputError, InvariantError


class IllegalMoveError(InvariantError):
    """A state was asked to move along an edge that its table does not have."""


class RefillConflictError(ConflictError):
    """The same refill id came with other content."""

    code = "refill_conflict"


class CardBusyError(ConflictError):
    """A charge of this card is still under way."""

    code = "card_busy"


class GatewayRefusedError(ConflictError):
    """The gateway understood and said no; nothing was charged."""

    code = "gateway_refused"


class NoGatewayError(InvalidInputError):
    """No enabled gateway account takes this client's currency."""

    code = "no_gateway"
