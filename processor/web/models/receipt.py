"""Receipts of uninstalling."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from processor.store.receipts import ReceiptRow
from processor.uninstall import receipt_json
from processor.web.models.kinds import Answer


class ReceiptAnswer(Answer):
    """What uninstalling took away, and what it left."""

    id: str
    account: str
    connection: str
    mailchimp_account: str = Field(description="The Mailchimp account's name.")
    audience_name: str | None
    begun_at: datetime
    finished_at: datetime | None = Field(description="Null while Mailchimp does not answer.")
    removed: dict[str, Any] = Field(description="What is gone, there and here.")
    not_delivered: dict[str, int] = Field(description="What was still under way when the work stopped.")
    stays: dict[str, Any] = Field(description="What stays where.")
    to_do: list[str] = Field(description="What a person may still want to do.")


class ReceiptsAnswer(Answer):
    """An account's receipts, oldest first."""

    receipts: list[ReceiptAnswer]


def receipt_answer(receipt: ReceiptRow) -> ReceiptAnswer:
    """Return the receipt as the API shows it."""
    return ReceiptAnswer.model_validate(receipt_json(receipt))
