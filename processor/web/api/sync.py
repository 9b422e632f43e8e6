"""`/v1/connections/{connection}/sync`, `/pause` and `/resume`: the first sync, and stopping for a while."""

from __future__ import annotations

from processor import install, report
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.models.connection import ConnectionAnswer, connection_answer
from processor.web.models.sync import ResumeAsked, SyncAnswer, SyncAsked, sync_answer

ONE = "/v1/connections/{connection}"


def start(call: Call[Nothing, SyncAsked]) -> Reply:
    """Begin the first sync."""
    connection_id = call.path["connection"]
    install.start(call.kit, connection_id, call.caller.name, call.body.skip_preview)
    return Reply(sync_answer(install.progress(call.kit, connection_id)), 202)


def progress(call: Call[Nothing, None]) -> Reply:
    """Tell how far the first sync is."""
    return Reply(sync_answer(install.progress(call.kit, call.path["connection"])))


def cancel(call: Call[Nothing, None]) -> Reply:
    """End the first sync before its time."""
    install.cancel(call.kit, call.path["connection"])
    return Reply(sync_answer(install.progress(call.kit, call.path["connection"])))


def pause(call: Call[Nothing, None]) -> Reply:
    """Stop a connection's work for a while."""
    install.pause(call.kit, call.path["connection"])
    return _stands(call)


def resume(call: Call[Nothing, ResumeAsked]) -> Reply:
    """Let a paused connection go on."""
    install.resume(call.kit, call.path["connection"], accept=call.body.accept)
    return _stands(call)


def _stands(call: Call[Nothing, None] | Call[Nothing, ResumeAsked]) -> Reply:
    found = report.connection(call.kit, call.path["connection"], call.caller.account_id)
    return Reply(connection_answer(found))


OPERATIONS = (
    Operation(
        "POST",
        f"{ONE}/sync",
        "beginSync",
        "Begin the first sync",
        handler=start,
        body=SyncAsked,
        answers={202: SyncAnswer},
        refusals=(409, 502),
        description="Registers our webhook, then reads the audience and sends the contacts. Needs a preview "
        "of these settings that is younger than a day, or `skip_preview`. Safe to repeat: the sync that runs "
        "is answered.",
    ),
    Operation(
        "GET",
        f"{ONE}/sync",
        "readSync",
        "Read how far the first sync is",
        handler=progress,
        answers={200: SyncAnswer},
    ),
    Operation(
        "POST",
        f"{ONE}/sync/cancel",
        "cancelSync",
        "Cancel the first sync",
        handler=cancel,
        answers={200: SyncAnswer},
        refusals=(409,),
        description="What was done stays; one that is begun later does nothing twice. Safe to repeat.",
    ),
    Operation(
        "POST",
        f"{ONE}/pause",
        "pauseConnection",
        "Pause a connection",
        handler=pause,
        answers={200: ConnectionAnswer},
        refusals=(409,),
        description="Its work stops after the calls under way; what waits is kept. Safe to repeat.",
    ),
    Operation(
        "POST",
        f"{ONE}/resume",
        "resumeConnection",
        "Resume a paused connection",
        handler=resume,
        body=ResumeAsked,
        answers={200: ConnectionAnswer},
        refusals=(409,),
        description="It goes on where it stopped. Where the brake has stopped it, only with `accept`.",
    ),
)
