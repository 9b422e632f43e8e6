"""Which addresses are outside, and what a name resolves to."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from collections.abc import Callable, Iterable

from processor.errors import Unreached

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
"""(name, port) to addresses as text, in the order of preference. Raises OSError."""

_NEVER = [
    ipaddress.ip_network(net)
    for net in (
        *("0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Where clouds answer with credentials, beside the link-local address.
        *("100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::254/128", "fd20:ce::254/128"),
    )
]
_PRIVATE = [
    ipaddress.ip_network(net)
    for net in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10"),
        *("::1/128", "fc00::/7"),
    )
]
"""What a network of one's own is made of: reached where the setting says so."""
_OF_NOBODY = [
    ipaddress.ip_network(net)
    for net in (
        # Documentation, benchmarks, and ways in which one address hides another (6to4, Teredo, AMT).
        *("192.0.2.0/24", "192.88.99.0/24", "192.52.193.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
]
_GLOBAL_V6 = ipaddress.ip_network("2000::/3")
"""The only part of IPv6 that is given out: whatever is new elsewhere is refused until somebody looked."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""The well-known prefix; one that a network chose for itself cannot be told from any other address."""

_WAITING_FOR_NAMES = threading.BoundedSemaphore(64)
"""The system's resolver cannot be told to give up: so many threads may wait for it, and no more."""


def is_outside(address: str, *, allow_private: bool = False) -> bool:
    """Whether a call may go to this IP address: it is on the public Internet, or on a private network where
    `allow_private`. Link-local and metadata addresses never are. False for what is no IP address."""
    try:
        found = _unwrapped(ipaddress.ip_address(address))
    except ValueError:
        return False
    if _is_in(found, _NEVER):
        return False
    if _is_in(found, _PRIVATE):
        return allow_private
    if _is_in(found, _OF_NOBODY):
        return False
    return found.version == 4 or found in _GLOBAL_V6


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_in(address: Address, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return any(address in network for network in networks)


def system_resolve(name: str, port: int) -> list[str]:
    """Ask the system's resolver. Raises OSError."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_literal(host: str) -> bool:
    """Whether it is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def ask(resolve: Resolve, name: str, port: int, seconds: float) -> list[str]:
    """Return what the name resolves to, asked for in a thread of its own: the resolver's time-outs are not
    ours to set. Raises Unreached."""
    said: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()

    def wait() -> None:
        try:
            said.put(resolve(name, port))
        except (OSError, UnicodeError):
            said.put(None)
        finally:
            _WAITING_FOR_NAMES.release()

    if not _WAITING_FOR_NAMES.acquire(timeout=seconds):
        raise Unreached("timeout")
    threading.Thread(target=wait, name="resolve", daemon=True).start()
    try:
        found = said.get(timeout=seconds)
    except queue.Empty:
        raise Unreached("timeout") from None
    if not found:
        raise Unreached("name_not_found")
    return found
