"""Setting a connection up: which audience, which field belongs to which, who wins, and what becomes of people
whose consent nobody recorded. Nothing is sent and nothing begins here: `install` does that, when asked.
"""

from __future__ import annotations

from processor.setup.choices import Choices, FieldChoice
from processor.setup.draft import draft
from processor.setup.drafted import AudienceOffer, Draft, FieldDraft, Person, PlatformField
from processor.setup.offers import offers
from processor.setup.save import save
from processor.setup.signup import signup_form

__all__ = [
    "AudienceOffer",
    "Choices",
    "Draft",
    "FieldChoice",
    "FieldDraft",
    "Person",
    "PlatformField",
    "draft",
    "offers",
    "save",
    "signup_form",
]
