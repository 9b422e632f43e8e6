"""`bothways connections audiences`, `fields` and `setup`: which audience, and which field goes where."""

from __future__ import annotations

from typing import Any

import click

from processor import report, setup
from processor.cli.common import epilog, json_option, print_json, print_table, working_house
from processor.domain.policy import FieldKind, Policy, Winner, WithoutConsent
from processor.errors import Invalid
from processor.setup import Choices, Draft, FieldChoice, FieldDraft
from processor.web.models.settings import audience_answer, draft_answer, settings_answer

ASKED_BY = "command line"
SHOWN = (
    "winner",
    "without_consent",
    "import_members",
    "archive_deleted",
    "unsubscribe_archived",
    "sync_tags",
    "brake_share",
)


@click.command("audiences")
@click.argument("connection_id")
@json_option
def audiences(connection_id: str, as_json: bool) -> None:
    """List the audiences that the connected login may see."""
    with working_house() as house:
        rows = [
            audience_answer(one).model_dump(mode="json") | {"members": one.member_count}
            for one in setup.offers(house.kit, connection_id)
        ]
    if as_json:
        print_json(rows)
    else:
        columns = ["id", "name", "members", "taken_by"]
        print_table(rows, columns, "This Mailchimp account has no audience yet.")


@click.command("fields")
@click.argument("connection_id")
@click.argument("audience_id", required=False)
@json_option
def fields(connection_id: str, audience_id: str | None, as_json: bool) -> None:
    """Show the fields of AUDIENCE_ID (of the one that is chosen, without one), what would be mapped to them,
    and one real contact on both sides. Changes nothing."""
    with working_house() as house:
        chosen = _audience(report.row_of(house.kit, connection_id, None).audience_id, audience_id)
        found = setup.draft(house.kit, connection_id, chosen)
    if as_json:
        print_json(draft_answer(found).model_dump(mode="json"))
        return
    _print(found)


def _print(found: Draft) -> None:
    print_table([_line(one) for one in found.fields], ["target", "type", "field", "here", "mailchimp"], "")
    for rule in found.gone:
        click.echo(f"“{rule.field}” goes to {rule.target}, which Mailchimp no longer has.")
    if found.platform_fields:
        click.echo("Fields in use on the platform: " + ", ".join(one.name for one in found.platform_fields))
    if found.person is not None:
        click.echo(f"The values are those of contact {found.person.contact_id}.")


def _line(one: FieldDraft) -> dict[str, Any]:
    kind = one.type + (", required" if one.required else "")
    here, there = one.ours, one.theirs
    return {"target": one.target, "type": kind, "field": one.mapped, "here": here, "mailchimp": there}


def _audience(chosen: str | None, named: str | None) -> str:
    audience_id = named or chosen
    if audience_id is None:
        raise Invalid(
            "No audience is chosen yet: name one of those that `bothways connections audiences` lists.",
            "audience_id",
        )
    return audience_id


@click.command(
    "setup",
    epilog=epilog(
        "bothways connections setup con_… a1b2c3d4e5           # every field by its name\n"
        "bothways connections setup con_… --map city=CITY --map first_name=FNAME:mailchimp\n"
        "bothways connections setup con_… --without-consent stated --by 'Jo Maple' \\\n"
        "    --statement 'All of these people agreed to our newsletter.'\n"
        "bothways connections setup con_…                      # only show what is chosen"
    ),
)
@click.argument("connection_id")
@click.argument("audience_id", required=False)
@click.option(
    "--map",
    "mapped",
    multiple=True,
    metavar="FIELD=TARGET[:WINNER]",
    help="The field map, one by one: a field of the platform, and a merge tag, an interest's id or language.",
)
@click.option("--winner", type=click.Choice([w.value for w in Winner]), help="Who wins a conflict.")
@click.option(
    "--without-consent",
    type=click.Choice([w.value for w in WithoutConsent]),
    help="What becomes of contacts whose consent is not recorded.",
)
@click.option("--statement", help="The customer's word that they agreed; needed for `stated`.")
@click.option("--by", help="Who gives that word.")
@click.option("--import-members/--no-import-members", default=None, help="Take over members unknown here.")
@click.option("--archive-deleted/--no-archive-deleted", default=None, help="Archive who is deleted here.")
@click.option(
    "--unsubscribe-archived/--no-unsubscribe-archived",
    default=None,
    help="Take the archived for unsubscribed.",
)
@click.option("--sync-tags/--no-sync-tags", default=None)
@click.option("--brake-share", type=click.FloatRange(0, 1), help="Stop and ask beyond this share.")
@json_option
def set_up(
    connection_id: str,
    audience_id: str | None,
    mapped: tuple[str, ...],
    winner: str | None,
    without_consent: str | None,
    statement: str | None,
    by: str | None,
    as_json: bool,
    **switches: Any,
) -> None:
    """Set CONNECTION_ID up, or change its settings. What is not named stays as it is.

    Begins nothing: look at a preview next, then begin the first sync.
    """
    asked = dict(switches, fields=[_choice(one) for one in mapped] or None, statement_text=statement)
    asked |= {"winner": Winner(winner) if winner else None}
    asked |= {"without_consent": WithoutConsent(without_consent) if without_consent else None}
    with working_house() as house:
        row = report.row_of(house.kit, connection_id, None)
        if audience_id is not None or any(value is not None for value in asked.values()):
            choices = Choices(_audience(row.audience_id, audience_id), **asked)
            row = setup.save(house.kit, connection_id, choices, by or ASKED_BY)
    if as_json:
        print_json({"audience_id": row.audience_id, **settings_answer(row.policy).model_dump(mode="json")})
        return
    click.echo(f"{row.id}: “{row.audience_name}”" if row.audience_name else "No audience is chosen yet.")
    _print_policy(row.policy)
    if row.state == "setup" and row.audience_id:
        click.echo(f"Nothing has begun. Next: bothways preview {row.id}, then bothways sync {row.id}")


def _choice(text: str) -> FieldChoice:
    field, _, rest = text.rpartition("=")
    target, _, winner = rest.partition(":")
    if not field or not target or winner not in {"", *(w.value for w in Winner)}:
        raise click.UsageError(f"--map {text}: write it as FIELD=TARGET or FIELD=TARGET:WINNER.")
    return FieldChoice(field, target, Winner(winner) if winner else None)


def _print_policy(policy: Policy) -> None:
    for rule in policy.fields:
        where = rule.target if rule.kind is FieldKind.MERGE else f"{rule.target} ({rule.kind.value})"
        click.echo(f"  {rule.field} -> {where}" + (f", {rule.winner.value} wins" if rule.winner else ""))
    for name in SHOWN:
        value = getattr(policy, name)
        click.echo(f"  {name.replace('_', ' '):22} {value}")
