"""Sealing: tokens are kept encrypted, each bound to the place that it belongs to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from processor.errors import BothwaysError, ConfigError

# Fixed for good: another salt or cost would be another key. It may be fixed, because there is one secret
# per installation and not a table of passwords; the cost is for those who choose a short one.
_SALT = b"bothways/sealing/1"
_COST, _BLOCK, _LANES = 2**14, 8, 1


class Sealer:
    """Seals and unseals short texts.

    `keys` are any strings, newest first: the first one seals, all of them unseal, so a key is rotated by
    putting the new one in front, calling `rotate` on everything, and dropping the old one. Each becomes a
    Fernet key (AES-128-CBC and HMAC-SHA256) by scrypt (N = 16384, r = 8, p = 1, a fixed salt), which takes
    about 50 ms once. Raises ConfigError when there is no key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ConfigError(["SECRET_KEY is not set: it seals the tokens."])
        self._count = len(keys)
        self._fernet = MultiFernet([Fernet(_derived(key)) for key in keys])

    def __repr__(self) -> str:
        """Return how many keys there are, never what they are."""
        return f"Sealer({self._count} keys)"

    def seal(self, text: str, bind: str) -> str:
        """Return the text sealed for the place that `bind` names, e.g. `connection:con_x:token`."""
        # Fernet cannot authenticate anything beside what it encrypts, so the place goes inside.
        return self._fernet.encrypt(json.dumps([bind, text]).encode()).decode()

    def unseal(self, sealed: str, bind: str) -> str:
        """Return the text. Raises ConfigError when no key fits, BothwaysError when it was sealed for another
        place (a value that was moved from one row to another)."""
        place, text = json.loads(self._opened(sealed))
        if not hmac.compare_digest(str(place).encode(), bind.encode()):
            raise BothwaysError("what is sealed belongs to another place")
        return str(text)

    def rotate(self, sealed: str) -> str:
        """Return it sealed with the newest key. Safe to repeat. Raises ConfigError when no key fits."""
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken:
            raise _no_key_fits() from None

    def _opened(self, sealed: str) -> bytes:
        try:
            return self._fernet.decrypt(sealed.encode())
        except InvalidToken:
            raise _no_key_fits() from None


def _no_key_fits() -> ConfigError:
    return ConfigError(
        ["SECRET_KEY: none of its keys opens what is stored; put the earlier key behind it: new,old."]
    )


@lru_cache(maxsize=8)  # one process opens several stores with the same keys, each 50 ms
def _derived(key: str) -> bytes:
    derived = hashlib.scrypt(key.encode(), salt=_SALT, n=_COST, r=_BLOCK, p=_LANES, dklen=32)
    return base64.urlsafe_b64encode(derived)
