"""Addresses that a person may come from, as networks in CIDR."""

import ipaddress
from collections.abc import Sequence

from core.errors import InvalidInputError

MOST_NETWORKS = 50
FIELD = "allowed_networks"


def parse_networks(text: str) -> list[str]:
    """Addresses and networks, one a line or with commas, each once and in its normal form.

    `203.0.113.9` becomes `203.0.113.9/32`. Raises InvalidInputError that names the wrong one.
    """
    found: list[str] = []
    for part in text.replace(",", " ").replace(";", " ").split():
        try:
            network = ipaddress.ip_network(part, strict=False)
        except ValueError as error:
            raise InvalidInputError(
                "One line is no IP address or network, for example 203.0.113.9 or 203.0.113.0/24.",
                FIELD,
            ) from error
        found.append(str(network))
    unique = list(dict.fromkeys(found))
    if len(unique) > MOST_NETWORKS:
        raise InvalidInputError("Use at most 50 addresses.", FIELD)
    return unique


def is_allowed(networks: Sequence[str], ip: str) -> bool:
    """Whether somebody at `ip` may come in; an empty list lets in everybody."""
    if not networks:
        return True
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in ipaddress.ip_network(network) for network in networks)
