"""`bothways contact`: what can be done for one person."""

from __future__ import annotations

import click

from processor import erase as erasing
from processor.cli.asked_for import Shows
from processor.cli.common import epilog, json_option, print_json, working_house
from processor.cli.contact_shown import show
from processor.erasing import PlaceState
from processor.store.erasures import ErasureRow
from processor.uninstall import many
from processor.web.models.erasure import erasure_answer


@click.group(
    cls=Shows,
    epilog=epilog(
        "bothways contact jo@maple-street.test      # how they stand, and why they are not in step\n"
        "bothways contact 42 --account acme --history\n"
        "bothways contact 42 --account acme --as-of 2026-05-01T12:00:00Z\n"
        "bothways contact erase acme 42 --yes       # everything about a person, on both sides, for good\n"
        "bothways contact erasure era_…             # how far that is"
    ),
)
def contact() -> None:
    """Show one contact, by its id or address, or do something for that person.

    An id that is also the name of a command: `bothways contact show ID`.
    """


contact.add_command(show)


@contact.command("erase")
@click.argument("account")
@click.argument("contact_id")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@json_option
def erase(account: str, contact_id: str, yes: bool, as_json: bool) -> None:
    """Erase the contact CONTACT_ID of ACCOUNT, as the law asks: here, and in Mailchimp for good.

    Workers do what cannot be done at once, and go on until Mailchimp has done its part. Safe to repeat.
    """
    with working_house() as house:
        if not yes:
            click.confirm(f"Erase {contact_id} of {account} on both sides, for good?", abort=True)
        _print(erasing.erase(house.kit, account, contact_id), as_json)


@contact.command("erasure")
@click.argument("erasure_id")
@json_option
def erasure(erasure_id: str, as_json: bool) -> None:
    """Show how far an erasure is."""
    with working_house() as house:
        _print(erasing.get(house.kit, erasure_id, None), as_json)


def _print(row: ErasureRow, as_json: bool) -> None:
    if as_json:
        print_json(erasure_answer(row).model_dump(mode="json"))
        return
    removed = row.what["removed"]
    click.echo(
        f"{row.id}: contact {row.contact_id} is erased here, with {many(removed['changes'], 'change')} of "
        f"its history and {many(removed['deliveries'], 'delivery', 'deliveries')} that named it"
        + (f", and {many(removed['photos'], 'photo')}." if removed.get("photos") else ".")
    )
    waiting = sum(place["state"] == PlaceState.WAITING for place in row.places)
    left = sum(place["state"] == PlaceState.LEFT for place in row.places)
    if row.finished_at is None:
        click.echo(
            f"Still to be done in Mailchimp: {many(waiting, 'audience')}. It is tried until it is done."
        )
    if left:
        click.echo(
            f"Not done in {many(left, 'audience')}: the connection was undone before. "
            "Delete them in Mailchimp by hand."
        )
