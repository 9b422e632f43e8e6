"""What can be set when the sandbox starts; everything else is set while it runs, through `/_control`."""

from dataclasses import dataclass
from pathlib import Path

# Mailchimp says "at increasing intervals over 75 minutes" and no more; these add up to 75 minutes.
RETRY_INTERVALS_SECONDS = (60.0, 120.0, 240.0, 480.0, 900.0, 1200.0, 1500.0)


@dataclass(frozen=True, slots=True)
class Settings:
    """How one sandbox is started.

    `port` 0 takes a free one. With `state_file` the whole state survives a restart; without it nothing is
    written to disk. With a `seed` ids and faults are the same in every run.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    state_file: Path | None = None
    seed: int | None = None
    retry_intervals_seconds: tuple[float, ...] = RETRY_INTERVALS_SECONDS
    signing: bool = True
