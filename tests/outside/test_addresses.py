"""What leads into a private network is not called, however it is written."""

from __future__ import annotations

import pytest

from processor.errors import Unreached
from processor.outside import Outside, is_outside

OUTSIDE = ["1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1"]
OUTSIDE_V6 = ["2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "::ffff:1.1.1.1", "64:ff9b::101:101"]
PRIVATE = ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "127.9.9.9", "100.64.0.1"]
PRIVATE_V6 = ["::1", "fc00::1", "fdab::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "64:ff9b::7f00:1"]
NEVER = [
    *("0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "192.0.0.192", "100.100.100.200"),
    *("168.63.129.16", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "198.18.0.1"),
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1"),
    *("::", "fe80::1", "fe80::1%1", "ff02::1", "fd00:ec2::254", "fd20:ce::254", "::ffff:169.254.169.254"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2001:0:1:2::3", "2001:db8::1"),
    *("::7f00:1", "::127.0.0.1", "fec0::1", "3fff::1", "100::1", "4000::1", "5f00::1"),
]


@pytest.mark.parametrize("address", OUTSIDE + OUTSIDE_V6)
def test_the_internet_is_outside(address: str) -> None:
    """Also behind an IPv4-mapped or NAT64 spelling."""
    assert is_outside(address)
    assert is_outside(address, allow_private=True)


@pytest.mark.parametrize("address", PRIVATE + PRIVATE_V6)
def test_a_private_network_is_reached_where_the_setting_says_so(address: str) -> None:
    """Private, loopback, shared by a carrier, and the same behind another spelling."""
    assert not is_outside(address)
    assert is_outside(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_what_is_nobodys_host_is_never_called(address: str) -> None:
    """Link-local, metadata of clouds, multicast, reserved, documentation, tunnels."""
    assert not is_outside(address)
    assert not is_outside(address, allow_private=True)


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3", "0x7f.1", "2130706433", "1.1.1.1.1", "[::1]"])
def test_what_is_no_address_is_not_outside(text: str) -> None:
    """Names are for the resolver, and odd spellings of numbers too: what it answers is what is checked."""
    assert not is_outside(text, allow_private=True)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://127.0.0.1/x", "not_outside"),
        ("https://[::1]:8443/x", "not_outside"),
        ("https://[::ffff:10.0.0.1]/x", "not_outside"),
        ("http://hooks.maple.test/x", "not_https"),
        ("https://user:secret@hooks.maple.test/", "has_password"),
        ("ftp://hooks.maple.test/", "not_an_address"),
        ("file:///etc/passwd", "not_an_address"),
        ("hooks.maple.test", "not_an_address"),
        ("https://", "not_an_address"),
        ("https://hooks.maple.test:99999/", "not_an_address"),
        ("https://a b/", "not_an_address"),
        ("https://2130706433/", "not_an_address"),
        ("https://127.1/", "not_an_address"),
        ("https://127.0.0.1./", "not_an_address"),
        ("https://0x7f000001:8443/", "not_an_address"),
        ("https://hooks.0x7f/", "not_an_address"),
    ],
)
def test_an_address_that_cannot_be_called_is_refused_in_a_form(url: str, reason: str) -> None:
    """Before anything is asked of the network."""
    with pytest.raises(Unreached) as refused:
        Outside(resolve=lambda name, port: pytest.fail("asked for a name")).check(url)
    assert refused.value.reason == reason


@pytest.mark.parametrize("name", ["0x7f.1", "2130706433", "017700000001", "127.1", "localhost"])
def test_other_spellings_of_the_loopback_are_seen_through(name: str) -> None:
    """The real resolver reads them as the loopback address (or not at all)."""
    with pytest.raises(Unreached) as refused:
        Outside().fetch("GET", f"https://{name}/")
    assert refused.value.reason in {"not_outside", "name_not_found", "not_an_address"}


def test_of_several_addresses_only_those_outside_are_given() -> None:
    """A name with a public and a private address leads to the public one."""
    found = ["10.0.0.1", "1.1.1.1", "fe80::1", "2606:4700:4700::1111"]
    way = Outside(resolve=lambda name, port: found)
    assert way.addresses("hooks.maple.test", 443) == ["1.1.1.1", "2606:4700:4700::1111"]
