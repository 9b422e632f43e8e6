"""`/v1/connections/{connection}/preview`: what a sync would change, before it changes anything."""

from __future__ import annotations

from processor import preview
from processor.errors import NotFound
from processor.web.api.operation import Call, File, Nothing, Operation, Reply
from processor.web.models.preview import PreviewAnswer, preview_answer

ONE = "/v1/connections/{connection}/preview"
CSV = "text/csv"


def begin(call: Call[Nothing, None]) -> Reply:
    """Ask for a preview; it is made by a worker."""
    preview.begin(call.kit, call.path["connection"], call.caller.name)
    return Reply(_newest(call), 202)


def latest(call: Call[Nothing, None]) -> Reply:
    """Read the newest preview."""
    return Reply(_newest(call))


def sheet(call: Call[Nothing, None]) -> Reply:
    """Download the whole list of the newest finished preview."""
    connection_id = call.path["connection"]
    text = preview.newest_csv(call.kit, connection_id)
    return Reply(file=File(f"preview-{connection_id}.csv", CSV, text))


def _newest(call: Call[Nothing, None]) -> PreviewAnswer:
    report = preview.latest(call.kit, call.path["connection"])
    if report is None:
        raise NotFound("There is no preview yet. Ask for one by POST.")
    return preview_answer(report)


OPERATIONS = (
    Operation(
        "POST",
        ONE,
        "beginPreview",
        "Ask for a preview",
        handler=begin,
        answers={202: PreviewAnswer},
        refusals=(409,),
        description="Both sides are read in full and compared; nothing is changed on either. While one is "
        "being made, that one is answered. Read it until its `state` is `done`.",
    ),
    Operation(
        "GET",
        ONE,
        "readPreview",
        "Read the newest preview",
        handler=latest,
        answers={200: PreviewAnswer},
        description="How many people a sync would add, change, unsubscribe and leave alone, on both sides, "
        "with up to five examples of each, and what stands in its way.",
    ),
    Operation(
        "GET",
        f"{ONE}.csv",
        "downloadPreview",
        "Download the newest finished preview",
        handler=sheet,
        files={200: CSV},
        refusals=(409,),
        description="One line for each person. Cells that a spreadsheet could take for formulas begin with "
        "an apostrophe.",
    ),
)
