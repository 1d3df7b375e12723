"""Where a tenant may send us: public addresses only, and the very one that was looked at.

A host name that a tenant chooses is resolved once; if any of its addresses is not public it is
refused, and the caller connects to the answered address, so that a second look-up cannot lead
elsewhere.
"""

import ipaddress
import socket

from core.errors import InvalidInputError

_EMBEDDED_V4 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("2002::/16"))


def resolve_public(host: str, port: int) -> str:
    """An address of the host to connect to; raises InvalidInputError at `host` when it may not.

    Call it with no transaction open: the name server may take its time.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InvalidInputError("This host name is not known.", "host") from error
    addresses = [str(info[4][0]) for info in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise InvalidInputError("This host is inside a private network.", "host")
    return addresses[0]


def is_public(address: str) -> bool:
    """False for everything that is not an address of the open internet."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        elif any(parsed in network for network in _EMBEDDED_V4):
            return False
    return parsed.is_global and not parsed.is_multicast
