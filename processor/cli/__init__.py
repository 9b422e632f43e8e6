"""The command line: `bothways`."""

from __future__ import annotations

import click

from processor.cli.conflicts import conflicts
from processor.cli.connections import connections
from processor.cli.consents import consents
from processor.cli.contact import contact
from processor.cli.demo import demo
from processor.cli.drift import drift
from processor.cli.events import events
from processor.cli.issues import issues
from processor.cli.keys import keys
from processor.cli.mails import mails
from processor.cli.ops import ops_password
from processor.cli.photos import photos
from processor.cli.preview import preview
from processor.cli.purge import purge
from processor.cli.replays import replay
from processor.cli.run import doctor, migrate, sandbox, up
from processor.cli.sync import sync
from processor.cli.webhooks import webhooks

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="bothways")
def main() -> None:
    """Keep a platform's contacts and a Mailchimp audience in step, in both directions.

    Try it with nothing installed or set up: bothways demo
    """


for command in (
    demo,
    up,
    sandbox,
    migrate,
    doctor,
    keys,
    connections,
    contact,
    conflicts,
    consents,
    photos,
    preview,
    sync,
    drift,
    events,
    replay,
    issues,
    mails,
    webhooks,
    ops_password,
    purge,
):
    main.add_command(command)
