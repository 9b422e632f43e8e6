"""What an operator asks for: who they are, which page, and what their form says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from starlette.datastructures import FormData, QueryParams

from processor import sign_in
from processor.kit import Kit

OPS = "/ops"


@dataclass(frozen=True)
class Asked:
    """One request of an operator who was let in. `who` is for histories; `whose` is what their forms are tied
    to: the session, or whom the proxy names. `form` is empty unless one was sent, and then it is ours."""

    kit: Kit
    who: str
    whose: str
    path: Mapping[str, str]
    query: QueryParams
    form: FormData
    is_partial: bool
    """Whether htmx asks, which puts the answer into the page that is there."""

    @cached_property
    def csrf(self) -> str:
        """What the forms of this session carry."""
        return sign_in.form_token(self.kit.settings, self.whose)

    @cached_property
    def now(self) -> datetime:
        """The time now, one for the whole page."""
        return self.kit.now()

    @property
    def is_masked(self) -> bool:
        """Whether addresses are shown in part only."""
        return self.kit.settings.ops_mask_addresses

    def text(self, name: str) -> str:
        """Return one text of the form, without the blanks around it; an empty one where it is not there."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""
