"""What sealed values are bound to, so that one cannot be put in another's place."""

from __future__ import annotations


def token_bind(connection_id: str) -> str:
    """A connection's token."""
    return f"connection:{connection_id}:token"


def hook_token_bind(connection_id: str) -> str:
    """The secret in a hook's path."""
    return f"hook:{connection_id}:token"


def endpoint_bind(endpoint_id: str) -> str:
    """The secret that signs what is sent to an endpoint of the platform's."""
    return f"endpoint:{endpoint_id}:secret"


def hook_secret_bind(connection_id: str) -> str:
    """A hook's signing secret."""
    return f"hook:{connection_id}:secret"
