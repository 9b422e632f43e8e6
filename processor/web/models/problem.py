"""A problem (RFC 9457), as the OpenAPI document describes it."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from processor.web.models.kinds import Answer


class FieldError(Answer):
    """One thing that is wrong with what was sent."""

    field: str = Field(description="Where: names and positions joined by dots, such as `contacts.3.email`.")
    message: str = Field(description="What is wrong, and what to send instead.")


class ProblemAnswer(Answer):
    """Why a call was not carried out, in words. Further members tell more about some problems."""

    model_config = ConfigDict(frozen=True, extra="allow", json_schema_serialization_defaults_required=False)

    type: str = Field(description="`urn:bothways:problem:<code>`, or `about:blank`.")
    title: str
    status: int
    detail: str = Field(description="What happened and what to do, for the person who reads it.")
    code: str | None = Field(None, description="The same as in `type`, for programs.")
    errors: list[FieldError] | None = Field(None, description="What is wrong with what was sent.")
    contact: dict[str, Any] | None = Field(None, description="With a conflict: the contact as it is now.")
