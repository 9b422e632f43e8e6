"""One webhook through the whole product, in a process of its own: OpenTelemetry sets up a process once.

python -m tests.whole.exporting FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from opentelemetry import trace

from tests.whole.world import until, world

JO = "jo@maple-street.test"


def main() -> None:
    """Let somebody subscribe, wait until they are here, and hand over every span."""
    with world(Path(sys.argv[1])) as made:
        made.control.subscribe(made.audience, JO, merge_fields={"FNAME": "Jo"})
        until(lambda: made.contact(JO), 60)
        until(made.settled, 60)
    trace.get_tracer_provider().force_flush()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
