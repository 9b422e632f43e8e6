"""Seals everything anew with the newest key, so that older ones can be dropped."""

from __future__ import annotations

from processor.kit import Kit
from processor.store import connections, endpoints, hooks


def reseal(kit: Kit) -> int:
    """Return how many values now use the newest key in SECRET_KEY.

    Safe to repeat and to interrupt: each connection is its own transaction, and every key in SECRET_KEY
    opens what it sealed. Raises ConfigError when no key opens a value.
    """
    with kit.store.read() as c:
        ids = [row.id for row in connections.all(c)]
    count = 0
    for connection_id in ids:
        with kit.store.write() as c:
            row = connections.lock(c, connection_id)
            if row is not None and row.token_sealed:
                fresh = kit.sealer.rotate(row.token_sealed)
                connections.update(c, row.id, kit.now(), token_sealed=fresh)
                count += 1
            for hook in hooks.for_connection(c, connection_id):
                secrets = [kit.sealer.rotate(sealed) for sealed in hook.secrets_sealed]
                hooks.reseal(c, hook.token_hash, kit.sealer.rotate(hook.token_sealed), secrets)
                count += 1 + len(secrets)
    return count + _reseal_endpoints(kit)


def _reseal_endpoints(kit: Kit) -> int:
    with kit.store.read() as c:
        ids = [row.id for row in endpoints.find(c)]
    count = 0
    for endpoint_id in ids:
        with kit.store.write() as c:
            row = endpoints.lock(c, endpoint_id)
            if row is not None:
                fresh = [{**one, "sealed": kit.sealer.rotate(one["sealed"])} for one in row.secrets]
                endpoints.change(c, row.id, kit.now(), secrets=fresh)
                count += len(fresh)
    return count
