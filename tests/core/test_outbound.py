"""Where a tenant may send us: to public addresses only."""

import socket

import pytest

from core.errors import InvalidInputError
from core.outbound import is_public, resolve_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1",
        "ff02::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "not an address",
    ],
)  # fmt: skip
def test_what_is_inside_is_no_place_to_send_to(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_the_open_internet_is(address):
    assert is_public(address)


def test_a_name_of_this_machine_is_refused():
    with pytest.raises(InvalidInputError, match="private network"):
        resolve_public("localhost", 25)


def test_one_private_address_among_public_ones_is_enough(monkeypatch):
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 25)) for one in ("8.8.8.8", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: found)
    with pytest.raises(InvalidInputError, match="private network"):
        resolve_public("mail.example", 25)
