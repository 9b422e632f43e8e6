"""The heart of the product, over anything that people and networks may do: both sides converge, nothing
loops, nobody who left is brought back, nothing unknown wipes what is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.domain.consent import OUT_HERE, OUT_THERE, UNCONFIRMED, is_new_act
from processor.domain.contact import Base, Consent, ConsentStatus, Contact, Member, MemberStatus, email_key
from processor.domain.mapping import comparable, read
from processor.domain.plan import Exclusion, MemberState, Plan
from processor.domain.policy import ConsentStatement, FieldKind, FieldRule, Policy, Winner, WithoutConsent
from processor.domain.reconcile import WRITABLE, reconcile
from processor.domain.values import is_empty, with_country_of
from tests.domain.builders import NOON
from tests.domain.world import Sent, World

S = MemberStatus
QUICK = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
THOROUGH = settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))

RULES = (
    FieldRule(field="name", target="FNAME"),
    FieldRule(field="points", target="POINTS", type="number", winner=Winner.PLATFORM),
    FieldRule(field="size", target="SIZE", type="radio", choices=("Small", "Large")),
    FieldRule(field="address", target="ADDRESS", type="address"),
    FieldRule(field="tips", target="i1", kind=FieldKind.INTEREST),
    FieldRule(field="language", target="language", kind=FieldKind.LANGUAGE),
)
EMAILS = ("jo@maple-street.test", "Jo@Maple-Street.test", "jo@elm-street.test")
HOME = {"addr1": "1 Maple St", "city": "Springfield", "state": "OR", "zip": "97475"}

values_here: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["", None, "Jo", " Jo ", "Joanna", "x" * 300, "a\0b"]),
    "points": st.sampled_from([None, "", 15, "15.0", 15.5, "many"]),
    "size": st.sampled_from([None, "small", "Large", "huge"]),
    "address": st.sampled_from([None, "", HOME, {**HOME, "country": "ca"}, {"addr1": "only a street"}]),
    "tips": st.sampled_from([None, True, False, "yes"]),
    "language": st.sampled_from([None, "en", "fr"]),
}
values_there: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["", "Jo", "Jojo"]),
    "points": st.sampled_from(["", 15, 16]),
    "size": st.sampled_from(["", "Small", "Retired choice"]),
    "address": st.sampled_from(
        ["", {**HOME, "addr2": "", "country": "US"}, {"addr1": "2 Elm St", "country": "US"}]
    ),
    "tips": st.booleans(),
    "language": st.sampled_from(["en", "de"]),
}
tags = st.frozensets(st.sampled_from(["vip", "press", "beta"]))
policies = st.builds(
    Policy,
    fields=st.just(RULES),
    winner=st.sampled_from(Winner),
    email_winner=st.sampled_from(Winner),
    without_consent=st.sampled_from(WithoutConsent),
    statement=st.sampled_from([None, ConsentStatement(at=NOON, by="Jo", text="They agreed.")]),
    double_opt_in=st.booleans(),
    import_members=st.booleans(),
    archive_deleted=st.booleans(),
    unsubscribe_archived=st.booleans(),
    sync_tags=st.just(True),
)
Step = Callable[[World], None]


# What may happen, one step at a time.


def _field_here(pair: tuple[str, Any]) -> Step:
    def step(world: World) -> None:
        if world.contact:
            world.edit(fields={**world.contact.fields, pair[0]: pair[1]})

    return step


def _field_there(pair: tuple[str, Any]) -> Step:
    name, value = pair

    def step(world: World) -> None:
        there = world.audience.members.get(world.who or 0)
        if there is None:
            return
        rule = next(rule for rule in RULES if rule.field == name)
        if rule.kind is FieldKind.LANGUAGE:
            world.act_there(language=value)
        elif rule.kind is FieldKind.INTEREST:
            world.act_there(interests={**there.interests, rule.target: value})
        else:
            world.act_there(merge_fields={**there.merge_fields, rule.target: value})

    return step


def _say(status: ConsentStatus, dated: bool, source: str | None) -> Step:
    return lambda world: world.say(Consent(status, world.now if dated else None, source))


def _move_there(email: str) -> Step:
    def step(world: World) -> None:
        if world.audience.by_email(email) is None:
            world.act_there(email=email)

    return step


def _create_here(email: str) -> Step:
    def step(world: World) -> None:
        if world.contact is None:
            world.contact = Contact("shop", "c1", email, updated_at=world.now)

    return step


def _delete_here(world: World) -> None:
    world.contact = None


def _sync(view: int, sent: Sent) -> Step:
    """Reconcile with a view: 0 is fresh, others are old ones, arriving late, twice or out of turn."""

    def step(world: World) -> None:
        fresh = world.theirs()
        theirs = fresh if view == 0 else world.seen[-view % len(world.seen)]
        world.step(theirs, sent)

    return step


def _pairs(values: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.one_of([st.tuples(st.just(name), value) for name, value in values.items()])


people: st.SearchStrategy[Step] = st.one_of(
    _pairs(values_here).map(_field_here),
    _pairs(values_there).map(_field_there),
    tags.map(lambda chosen: lambda world: world.edit(tags=chosen)),
    tags.map(lambda chosen: lambda world: world.act_there(tags=chosen)),
    st.builds(_say, st.sampled_from(ConsentStatus), st.booleans(), st.sampled_from([None, "form"])),
    st.just(_say(ConsentStatus.SUBSCRIBED, True, "form")),
    st.sampled_from([*S][:-1]).map(lambda status: lambda world: world.act_there(status=status)),
    st.sampled_from([*EMAILS, None]).map(lambda email: lambda world: world.edit(email=email)),
    st.sampled_from(EMAILS).map(_move_there),
    st.sampled_from(EMAILS).map(lambda email: lambda world: world.sign_up_there(email)),
    st.just(World.delete_there),
    st.sampled_from(EMAILS).map(_create_here),
    st.just(_delete_here),
)
losses = st.sampled_from([Sent.ALL, Sent.ALL, Sent.NO_TAGS, Sent.NOTHING])
fresh_syncs = st.builds(_sync, st.just(0), losses)
any_syncs = st.builds(_sync, st.sampled_from([0, 0, 1, 2, 5]), losses)
passing = st.sampled_from([0, 0.4, 1, 90])


@st.composite
def beginnings(draw: st.DrawFn) -> World:
    """Nobody, a contact alone, a member alone, or both in step in any status."""
    world = World(draw(policies))
    begin = draw(st.sampled_from(["nobody", "contact", "member", "agreed", "agreed", "agreed"]))
    if begin in {"contact", "agreed"}:
        world.contact = Contact("shop", "c1", EMAILS[0], updated_at=world.now)
    if begin == "agreed":
        world.say(Consent(ConsentStatus.SUBSCRIBED, world.now, "form"))
        _field_here(("name", "Jo"))(world)
        world.edit(tags=draw(tags))
    if begin in {"member", "agreed"}:
        world.who = world.audience.add(EMAILS[0], S.SUBSCRIBED, world.now)
    if begin == "agreed":
        world.settle()
        world.act_there(status=draw(st.sampled_from([S.SUBSCRIBED, *S][:-1])))
        world.settle()
        world.tick(90)
    return world


@st.composite
def stories(draw: st.DrawFn, syncs: st.SearchStrategy[Step] = any_syncs) -> World:
    """A world after anything that may happen."""
    world = draw(beginnings())
    steps = st.one_of(people, people, syncs)
    for step, seconds in draw(st.lists(st.tuples(steps, passing), max_size=12)):
        step(world)
        world.tick(seconds)
    return world


def _differences(world: World, plan: Plan) -> list[str]:
    """What is not equal between the contact and the member, apart from what cannot be."""
    ours, theirs = world.contact, world.theirs()
    if ours is None or theirs is None or plan.state is MemberState.EXCLUDED or world.audience.refused:
        return []
    found: list[str] = []
    mine, problems = comparable(ours.fields, world.policy)
    its, failing = read(theirs, world.policy), {problem.field for problem in problems}
    for name in its.keys() - failing:
        value = with_country_of(mine.get(name), its[name])
        if value != its[name] and not (is_empty(value) and is_empty(its[name])):
            found.append(name)
    if ours.tags != theirs.tags:
        found.append("tags")
    if email_key(ours.email or "") != email_key(theirs.email):
        found.append("email")
    if ours.consent.status not in _AGREE[theirs.status]:
        found.append(f"{ours.consent.status} here, {theirs.status} there")
    return found


_AGREE = {
    S.SUBSCRIBED: {ConsentStatus.SUBSCRIBED},
    S.UNSUBSCRIBED: OUT_HERE,
    S.CLEANED: OUT_HERE,
    S.PENDING: {ConsentStatus.PENDING, ConsentStatus.SUBSCRIBED},
    S.TRANSACTIONAL: set(ConsentStatus),
}


# The promises.


def check_converges(world: World) -> None:
    """Whatever happened, full observations end with both sides equal and nothing left to do."""
    world.audience.refused.clear()
    plan = world.settle()
    assert _differences(world, plan) == []


def check_consent_never_rises_without_evidence(world: World) -> None:
    """Over all plans of a story: subscribed goes up by a new act only, comes down by Mailchimp's record
    only, and bad news is never undone."""
    for base, ours, theirs, plan in world.plans:
        if S.SUBSCRIBED in (plan.up.create, plan.up.status):
            assert ours is not None
            assert is_new_act(base, ours.consent) or _is_vouched_for(ours, theirs, world.policy)
            assert base is None or base.status not in UNCONFIRMED
        consent = plan.down.consent
        if consent is not None and consent.status is ConsentStatus.SUBSCRIBED:
            assert theirs is not None
            assert theirs.status is S.SUBSCRIBED
            assert consent == Consent(consent.status, theirs.last_changed, "mailchimp:subscribed")
        if theirs is not None and theirs.status in OUT_THERE:
            assert plan.up.status in {None, S.PENDING}


def _is_vouched_for(ours: Contact, theirs: Member | None, policy: Policy) -> bool:
    """Whether the customer's recorded word may stand in for evidence: it is there, the platform says
    subscribed, no evidence says otherwise, and Mailchimp knows nobody."""
    is_stated = policy.without_consent is WithoutConsent.STATED and policy.statement is not None
    says_so = ours.consent.status is ConsentStatus.SUBSCRIBED and not ours.consent.has_evidence
    return is_stated and says_so and theirs is None


def check_only_shared_tags_are_removed(world: World) -> None:
    """A tag that one side alone had is never taken from it."""
    for base, ours, theirs, plan in world.plans:
        removed = plan.up.tags_removed | plan.down.tags_removed
        assert removed <= (base.tags if base else frozenset())
        if theirs is not None and not theirs.tags_complete:
            assert not plan.down.tags_removed
        assert ours is not None or not removed


def check_unknown_wipes_nothing(world: World) -> None:
    """An empty value goes only where both sides had agreed on a value before."""
    for base, ours, theirs, plan in world.plans:
        agreed = base.fields if base else {}
        for name, value in plan.up.fields.items():
            assert ours is not None
            assert name in ours.fields, "never named, so never sent"
            if is_empty(value):
                assert name in agreed
        for name, value in plan.down.fields.items():
            if is_empty(value):
                assert name in agreed
                assert theirs is not None


def check_bad_news_goes_up_first(world: World) -> None:
    """Whoever left here and is subscribed there, unclear or not, is never left waiting behind a move."""
    for _, ours, theirs, plan in world.plans:
        if ours is None or theirs is None or ours.consent.status not in OUT_HERE:
            continue
        if theirs.status is S.SUBSCRIBED and plan.down.consent is None:
            assert plan.up.status is S.UNSUBSCRIBED
            assert plan.up.is_urgent


CHECKS = (
    check_converges,
    check_consent_never_rises_without_evidence,
    check_only_shared_tags_are_removed,
    check_unknown_wipes_nothing,
    check_bad_news_goes_up_first,
)


@QUICK
@given(stories())
def test_any_interleaving_keeps_every_promise(world: World) -> None:
    """Edits on both sides, views that are late, repeated, lost or out of turn, calls that are lost."""
    for check in CHECKS:
        check(world)


@pytest.mark.slow
@THOROUGH
@given(stories())
def test_any_interleaving_keeps_every_promise_thoroughly(world: World) -> None:
    """The same, for minutes."""
    for check in CHECKS:
        check(world)


@QUICK
@given(stories())
def test_equal_sides_make_an_empty_plan(world: World) -> None:
    """Once settled, every further look changes nothing: no loop, however often Mailchimp rings."""
    world.audience.refused.clear()
    world.settle()
    if not world.audience.refused:
        for _ in range(2):
            base = world.base
            plan = world.step(world.theirs())
            assert plan.is_empty
            assert world.base == base


@QUICK
@given(stories())
def test_carrying_out_a_plan_leaves_nothing_to_do(world: World) -> None:
    """One plan is enough, except that a contact who parts from a member starts over elsewhere, and that
    a new member brings the audience's defaults (language, country) down."""
    world.audience.refused.clear()
    plan = world.step(world.theirs())
    parts = plan.relink or plan.up.status is S.UNSUBSCRIBED
    if not world.audience.refused and not parts:
        again = world.step(world.theirs())
        assert again.up.is_empty
        assert again.is_empty or plan.up.create


@QUICK
@given(stories(fresh_syncs))
def test_nobody_who_left_is_subscribed_by_us_again(world: World) -> None:
    """With fresh views: after they left there, only their own later yes leads to anything, and that to
    being asked by Mailchimp."""
    world.audience.refused.clear()
    world.settle()
    there = world.theirs()
    if there is None or there.status not in OUT_THERE or world.contact is None:
        return
    if email_key(world.contact.email or "") != email_key(there.email):
        return
    subscribed = world.audience.subscribed_by_us
    world.tick(60)
    world.say(Consent(ConsentStatus.SUBSCRIBED, world.now, "form"))
    world.settle()
    assert world.audience.subscribed_by_us == subscribed


@QUICK
@given(stories(), st.lists(st.one_of(_pairs(values_here).map(_field_here), fresh_syncs), max_size=4))
def test_nobody_who_left_is_brought_back_by_a_new_address(world: World, later: list[Step]) -> None:
    """Archived, deleted, bounced or unsubscribed: changing the contact's address and fields, without a
    word about consent, subscribes nobody and asks nobody."""
    world.audience.refused.clear()
    world.settle()
    if world.base is None or world.base.status not in OUT_THERE or world.contact is None:
        return
    if is_new_act(world.base, world.contact.consent):
        return  # they did say yes after that, and Mailchimp refused to ask them at the old address
    known = world.audience.subscribed_by_us, len(world.plans)
    for step in (lambda world: world.edit(email="jo@oak-street.test"), *later):
        world.tick(60)
        step(world)
    world.settle()
    assert world.audience.subscribed_by_us == known[0]
    asked = {plan.up.status or plan.up.create for *_, plan in world.plans[known[1] :]}
    assert S.PENDING not in asked


@QUICK
@given(stories(fresh_syncs), st.lists(st.sampled_from(["yes", "old yes", "move", "sync"]), max_size=5))
def test_who_left_or_has_not_confirmed_is_asked_and_never_subscribed_at_a_new_address(
    world: World, later: list[str]
) -> None:
    """They move to a new address, say yes before, with or after it: Mailchimp asks them at most."""
    world.audience.refused.clear()
    world.settle()
    there = world.theirs()
    if there is None or there.status not in UNCONFIRMED or world.contact is None:
        return
    subscribed, old = world.audience.subscribed_by_us, world.contact.consent
    for n, what in enumerate(["move", *later]):
        world.tick(60)
        if what == "move":
            world.edit(email=f"jo{n}@oak-street.test")
        elif what == "sync":
            world.step(world.theirs())
        else:
            world.say(old if what == "old yes" else Consent(ConsentStatus.SUBSCRIBED, world.now, "form"))
    world.settle()
    assert world.audience.subscribed_by_us == subscribed


EXPECTED_REFUSALS = {"email_taken", "email_forgotten", "member_exists"}


@QUICK
@given(stories(fresh_syncs))
def test_nothing_is_sent_that_mailchimp_is_known_to_refuse(world: World) -> None:
    """With fresh views: no address change of a member who is not subscribed, no archiving of a bounced
    one, no subscribing of somebody who left. What another member's address blocks cannot be known."""
    world.settle()
    assert set(world.audience.refused) <= EXPECTED_REFUSALS


@QUICK
@given(
    beginnings(),
    st.sampled_from([("name", "Ada"), ("points", 7), ("tips", True), ("address", HOME)]),
    st.sampled_from(EMAILS),
    st.lists(st.tuples(losses, st.booleans()), max_size=4),
)
def test_what_one_side_changes_arrives_however_often_the_call_is_lost(
    world: World, edited: tuple[str, Any], email: str, calls: list[tuple[Sent, bool]]
) -> None:
    """One side's change of a field, the tags or the address is never taken for old and put back, even
    while the other side changes something else."""
    there = world.theirs()
    if world.base is None or there is None or there.status is not S.SUBSCRIBED or world.contact is None:
        return
    world.tick(60)
    world.edit(fields={**world.contact.fields, edited[0]: edited[1]}, email=email)
    world.edit(tags=world.contact.tags - {"vip"} | {"beta"})
    size = {**there.merge_fields, "SIZE": "Large"}
    world.act_there(merge_fields=size, tags=there.tags - {"press"} | {"new"})
    wanted = (there.tags | {"beta", "new"}) - {"vip", "press"}
    for sent, _ in calls:
        world.tick(60)
        world.step(world.theirs(), sent)
    world.settle()
    after = world.theirs()
    assert after is not None
    assert world.contact is not None
    mine, _ = comparable({edited[0]: edited[1]}, world.policy)
    its = read(after, world.policy)
    assert its[edited[0]] == with_country_of(mine[edited[0]], its[edited[0]])
    assert (its["size"], world.contact.fields["size"]) == ("Large", "Large")
    assert (after.tags, world.contact.tags) == (wanted, wanted)
    assert email_key(after.email) == email_key(email)


@QUICK
@given(stories())
def test_a_platform_that_repeats_its_old_consent_changes_nothing(world: World) -> None:
    """Its row still says subscribed, with the old date: that is no new act."""
    world.audience.refused.clear()
    world.settle()
    if world.contact is None or world.base is None or world.base.consent_at is None:
        return
    world.say(Consent(ConsentStatus.SUBSCRIBED, world.base.consent_at, "form"))
    plan = reconcile(world.base, world.contact, world.theirs(), world.policy)
    assert S.SUBSCRIBED not in (plan.up.create, plan.up.status)
    assert S.PENDING not in (plan.up.create, plan.up.status)


members = st.builds(
    Member,
    id=st.just("x"),
    email=st.sampled_from([*EMAILS, ""]),
    status=st.sampled_from(S),
    merge_fields=st.fixed_dictionaries(
        {}, optional={"FNAME": values_there["name"], "ADDRESS": values_there["address"], "POINTS": st.text()}
    ),
    interests=st.fixed_dictionaries({}, optional={"i1": st.booleans()}),
    tags=tags,
    tags_complete=st.booleans(),
    last_changed=st.sampled_from([None, NOON]),
)
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
contacts = st.builds(
    Contact,
    account_id=st.just("shop"),
    id=st.just("c1"),
    email=st.sampled_from([*EMAILS, None, " "]),
    fields=st.dictionaries(st.sampled_from([rule.field for rule in RULES]), anything),
    tags=tags,
    consent=st.builds(
        Consent, st.sampled_from(ConsentStatus), st.sampled_from([None, NOON]), st.sampled_from([None, "x"])
    ),
    updated_at=st.sampled_from([None, NOON]),
)
bases = st.builds(
    Base,
    email=st.sampled_from([*EMAILS, None]),
    status=st.none() | st.sampled_from(S),
    fields=st.fixed_dictionaries({}, optional={"name": st.sampled_from([None, "Jo"])}),
    tags=tags,
    consent_at=st.sampled_from([None, NOON]),
    parted=st.booleans(),
)


@QUICK
@given(st.none() | bases, st.none() | contacts, st.none() | members, policies)
def test_anything_at_all_makes_a_plan(
    base: Base | None, ours: Contact | None, theirs: Member | None, policy: Policy
) -> None:
    """No input raises; what is excluded sends nothing; members out of reach get no fields and no tags."""
    plan = reconcile(base, ours, theirs, policy)
    if plan.state is MemberState.EXCLUDED:
        assert plan.up.is_empty
        assert plan.reason in set(Exclusion)
    if plan.up.fields or plan.up.tags_added or plan.up.tags_removed:
        assert plan.up.create or plan.up.status or (theirs is not None and theirs.status in WRITABLE)
    if plan.up.email:
        assert theirs is not None
        assert theirs.status is S.SUBSCRIBED
    if plan.relink:
        assert plan.up.is_empty
    check_only_shared_tags_are_removed(_record(policy, base, ours, theirs, plan))
    check_consent_never_rises_without_evidence(_record(policy, base, ours, theirs, plan))
    check_unknown_wipes_nothing(_record(policy, base, ours, theirs, plan))


def _record(
    policy: Policy, base: Base | None, ours: Contact | None, theirs: Member | None, plan: Plan
) -> World:
    world = World(policy)
    if theirs is not None and theirs.status is S.DELETED:
        theirs = None
    world.plans.append((base, ours, theirs, plan))
    return world


@QUICK
@given(stories())
def test_the_version_and_the_clock_of_a_contact_decide_nothing_but_conflicts(world: World) -> None:
    """The same content, seen again under another version: the same plan."""
    theirs = world.theirs()
    plan = reconcile(world.base, world.contact, theirs, world.policy)
    again = replace(world.contact, version=99) if world.contact else None
    assert reconcile(world.base, again, theirs, world.policy) == plan
