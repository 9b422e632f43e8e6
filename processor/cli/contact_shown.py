"""`bothways contact ID-or-EMAIL`: how one contact stands, what happened to it, and how it was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from processor import report
from processor.cli.common import json_option, print_json, working_house
from processor.errors import Invalid
from processor.kit import Kit
from processor.report import Happening, Standing
from processor.report.ledger import WHERE, WHO, about
from processor.store.consents import ConsentRow
from processor.web.models.contact import contact_answer
from processor.web.models.history import consent_answer, happening_answer, standing_answer

FEW = 10


@click.command("show")
@click.argument("contact", metavar="ID-or-EMAIL")
@click.option("--account", help="Look in this account only.")
@click.option("--as-of", "as_of", metavar="TIME", help="As it was then, such as 2026-05-01T12:00:00Z.")
@click.option("--history", "with_history", is_flag=True, help="Everything that happened, newest first.")
@click.option("--consent", "with_consent", is_flag=True, help="The ledger of the contact's consents.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 500))
@json_option
def show(
    contact: str,
    account: str | None,
    as_of: str | None,
    with_history: bool,
    with_consent: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Show one contact: how it is, why it is or is not in step, and what happened to it."""
    with working_house() as house:
        found = _gathered(house.kit, contact, account, as_of, limit if with_history else FEW)
    if as_json:
        print_json(_plain(found))
        return
    _print(found, with_history=with_history, with_consent=with_consent)


class _Found:
    """What is shown of one contact."""

    def __init__(self, account: str, contact: Mapping[str, Any]) -> None:
        self.account, self.contact = account, contact
        self.standings: list[Standing] = []
        self.history: list[Happening] = []
        self.consents: list[ConsentRow] = []


def _gathered(kit: Kit, text: str, account: str | None, as_of: str | None, limit: int) -> _Found:
    if as_of is not None:
        return _Found(*report.named_then(kit, text, account, _moment(as_of)))
    one = report.one_of(report.named(kit, text, account))
    found = _Found(one.account_id, contact_answer(one).model_dump(mode="json"))
    found.standings = report.standings(kit, one.account_id, one.id)
    found.history = list(report.history(kit, one.account_id, one.id, limit=limit).happenings)
    found.consents = list(report.consent_lines(kit, one.account_id, one.id, limit=500).lines)
    return found


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Invalid("Write the time as 2026-05-01T12:00:00Z.", "as_of") from None


def _plain(found: _Found) -> dict[str, Any]:
    return {
        "account": found.account,
        "contact": dict(found.contact),
        "standing": [standing_answer(one).model_dump(mode="json") for one in found.standings],
        "history": [happening_answer(one).model_dump(mode="json") for one in found.history],
        "consents": [consent_answer(row).model_dump(mode="json") for row in found.consents],
    }


def _print(found: _Found, *, with_history: bool, with_consent: bool) -> None:
    contact = found.contact
    consent = contact["consent"]
    said = f" at {consent['at']}" if consent["at"] else ""
    click.echo(f"{contact['id']} of {found.account}, version {contact['version']}")
    click.echo(f"  address  {contact['email'] or '-'}")
    click.echo(f"  consent  {consent['status']}{said}{_source(consent['source'])}")
    for name, value in sorted(contact["fields"].items()):
        click.echo(f"  {name}  {_value(value)}")
    click.echo(f"  tags  {', '.join(contact['tags']) or '-'}")
    for one in found.standings:
        click.echo(f"{one.connection.audience_name or one.connection.id}: {one.sentence}")
        if one.consent.status.value != consent["status"]:
            click.echo(f"  consent there  {one.consent.status.value}{_source(one.consent.source)}")
        _print_beside(one)
    if found.history:
        click.echo("What happened, newest first:" if with_history else "What happened last:")
    for line in found.history:
        _print_happening(line)
    for row in found.consents if with_consent else ():
        entry = row.entry
        click.echo(
            f"{_time(entry.at or entry.recorded_at)}  {WHERE[entry.side]}: {entry.before or 'nobody'} → "
            f"{entry.after}{_source(about(entry) or None)}, by {WHO[entry.who]}{_source(entry.source)}"
        )


def _print_beside(one: Standing) -> None:
    """What Mailchimp shows beside the status: marketing permissions, and SMS."""
    for permission_id, said in (one.theirs.permissions if one.theirs else {}).items():
        given = "given" if said.enabled else "not given"
        waits = ", a change is on its way" if permission_id in one.asked else ""
        click.echo(f"  permission {permission_id}  {given}{waits}{_source(said.text)}")
    if one.theirs and one.theirs.sms_status:
        click.echo(f"  SMS  {one.theirs.sms_status}{_source(one.theirs.sms_phone)}")


def _print_happening(line: Happening) -> None:
    where = "to Mailchimp" if line.outcome else "here"
    because = " ".join(str(line.why[name]) for name in ("cause", "by", "connection") if line.why.get(name))
    outcome = (
        f" [{line.outcome.value}{': ' + line.words.title if line.words else ''}]" if line.outcome else ""
    )
    click.echo(f"{_time(line.at)}  {where} ({line.origin.value}: {because}){outcome}")
    for name, pair in line.what.items():
        click.echo(f"    {name}: {_value(pair.get('before'))} → {_value(pair.get('after'))}")


def _source(source: str | None) -> str:
    return f" ({source})" if source else ""


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _value(value: Any) -> str:
    if value in (None, "", [], {}):
        return "(empty)"
    if isinstance(value, Mapping):
        return ", ".join(str(part) for part in value.values() if part)
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return str(value)
