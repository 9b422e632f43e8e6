"""Photos over the API: handed over, sent, brought, listed, and the rules between the sides."""

from __future__ import annotations

from processor.photos import ask, link
from processor.photos import read as reading
from processor.photos.keep import Handed, fetch, keep
from processor.web.api import upload
from processor.web.api.operation import Call, Nothing, Operation, Reply
from processor.web.api.upload import Upload
from processor.web.models.photo import (
    PhotoAsked,
    PhotosAnswer,
    PhotosAsked,
    PhotoStandingAnswer,
    PicturesAnswer,
    PullAsked,
    RulesAnswer,
    RulesAsked,
    ThereAsked,
    WaitingAnswer,
    photo_answer,
    photos_answer,
    pictures_answer,
    rules_answer,
    rules_changed,
)

OF_CONNECTION = "/v1/connections/{connection}/photos"
ONE = "/v1/photos/{photo}"


def hand_over(call: Call[Nothing, Upload]) -> Reply:
    """Keep a picture of the platform's."""
    try:
        asked = call.body.asked()
        handed = Handed(
            name=asked.name or ("" if asked.url else "photo"),
            ref=asked.ref,
            contact_id=asked.contact,
            connection_id=asked.connection,
            push=asked.push,
        )
        if asked.url is not None:
            kept = fetch(call.kit, call.path["account"], handed, asked.url)
        else:
            kept = keep(call.kit, call.path["account"], handed, call.body.pieces(asked))
    finally:
        call.body.close()
    return _stands(call, kept.photo.id, 201 if kept.is_new else 200)


def get(call: Call[Nothing, None]) -> Reply:
    """Tell how one photo stands."""
    return _stands(call, call.path["photo"])


def push(call: Call[Nothing, None]) -> Reply:
    """Send one photo to Mailchimp."""
    row = ask.push(call.kit, call.path["photo"], call.caller.account_id)
    return _stands(call, row.id, 202 if row.due_at else 200)


def forget(call: Call[Nothing, None]) -> Reply:
    """Delete one photo here."""
    ask.forget(call.kit, call.path["photo"], call.caller.account_id)
    return Reply(status=204)


def find(call: Call[PhotosAsked, None]) -> Reply:
    """List what is kept here."""
    asked = call.query
    page = reading.here(
        call.kit,
        call.path["connection"],
        call.caller.account_id,
        states=asked.state,
        after=asked.after,
        limit=asked.limit,
    )
    return Reply(photos_answer(page, [link.make(call.kit, one.row) for one in page.photos]))


def find_there(call: Call[ThereAsked, None]) -> Reply:
    """List what Mailchimp was seen to hold."""
    asked, connection_id = call.query, call.path["connection"]
    page = reading.there(
        call.kit,
        connection_id,
        call.caller.account_id,
        only_there=asked.only_there,
        after=asked.after,
        limit=asked.limit,
    )
    stands = reading.gallery(call.kit, connection_id, call.caller.account_id)
    return Reply(pictures_answer(page, stands.gallery.looked_at))


def look(call: Call[Nothing, None]) -> Reply:
    """Let a worker look at what Mailchimp has."""
    ask.look(call.kit, call.path["connection"], call.caller.account_id)
    return _rules(call, 202)


def pull(call: Call[Nothing, PullAsked]) -> Reply:
    """Bring pictures here."""
    count = ask.pull(call.kit, call.path["connection"], call.caller.account_id, file_ids=call.body.files)
    return Reply(WaitingAnswer(waiting=count), 202)


def push_all(call: Call[Nothing, None]) -> Reply:
    """Send everything that is here only."""
    count = ask.push_all(call.kit, call.path["connection"], call.caller.account_id)
    return Reply(WaitingAnswer(waiting=count), 202)


def read_rules(call: Call[Nothing, None]) -> Reply:
    """Tell the rules."""
    return _rules(call)


def change_rules(call: Call[Nothing, RulesAsked]) -> Reply:
    """Change the rules."""
    named = rules_changed(call.body)
    ask.change_rules(call.kit, call.path["connection"], call.caller.account_id, named)
    return _rules(call)


def _stands(call: Call[Nothing, Upload] | Call[Nothing, None], photo_id: str, status: int = 200) -> Reply:
    found = reading.photo(call.kit, photo_id, call.caller.account_id)
    return Reply(photo_answer(found, link.make(call.kit, found.row)), status)


def _rules(call: Call[Nothing, RulesAsked] | Call[Nothing, None], status: int = 200) -> Reply:
    found = reading.gallery(call.kit, call.path["connection"], call.caller.account_id)
    return Reply(rules_answer(found), status)


OPERATIONS = (
    Operation(
        "POST",
        "/v1/accounts/{account}/photos",
        "handOverPhoto",
        "Hand a photo over",
        handler=hand_over,
        body=PhotoAsked,
        reader=upload.read,
        answers={200: PhotoStandingAnswer, 201: PhotoStandingAnswer},
        refusals=(409,),
        description="A PNG, JPEG, GIF or WebP of at most 10 MB, known by its content. It is kept here; it "
        "goes to Mailchimp when that is asked for (`push`), or at once where the rules say so. With a `ref` "
        "the call is safe to repeat, and other content under the same `ref` is a new version.",
    ),
    Operation("GET", ONE, "readPhoto", "Read a photo", handler=get, answers={200: PhotoStandingAnswer}),
    Operation(
        "DELETE",
        ONE,
        "forgetPhoto",
        "Delete a photo here",
        handler=forget,
        answers={204: None},
        description="Its content here goes; what is in Mailchimp stays there.",
    ),
    Operation(
        "POST",
        f"{ONE}/push",
        "pushPhoto",
        "Send a photo to Mailchimp",
        handler=push,
        answers={200: PhotoStandingAnswer, 202: PhotoStandingAnswer},
        refusals=(409,),
        description="A worker sends it; the changes feed tells Mailchimp's number and address of it. Safe to "
        "repeat: what is there already is not sent again.",
    ),
    Operation(
        "GET",
        OF_CONNECTION,
        "listPhotos",
        "List photos",
        handler=find,
        query=PhotosAsked,
        answers={200: PhotosAnswer},
    ),
    Operation(
        "POST",
        f"{OF_CONNECTION}/push",
        "pushPhotos",
        "Send every photo that is here only",
        handler=push_all,
        answers={202: WaitingAnswer},
    ),
    Operation(
        "GET",
        f"{OF_CONNECTION}/there",
        "listPictures",
        "List what Mailchimp has",
        handler=find_there,
        query=ThereAsked,
        answers={200: PicturesAnswer},
        description="As it was when Mailchimp was last looked at.",
    ),
    Operation(
        "POST",
        f"{OF_CONNECTION}/look",
        "lookAtPictures",
        "Look at what Mailchimp has",
        handler=look,
        answers={202: RulesAnswer},
    ),
    Operation(
        "POST",
        f"{OF_CONNECTION}/pull",
        "pullPhotos",
        "Bring pictures here",
        handler=pull,
        body=PullAsked,
        answers={202: WaitingAnswer},
        description="With `{}` Mailchimp is looked at anew and everything is brought. Safe to repeat: what "
        "is here already is passed over. The changes feed tells of each.",
    ),
    Operation(
        "GET",
        f"{OF_CONNECTION}/rules",
        "readPhotoRules",
        "Read the rules for photos",
        handler=read_rules,
        answers={200: RulesAnswer},
    ),
    Operation(
        "PATCH",
        f"{OF_CONNECTION}/rules",
        "changePhotoRules",
        "Change the rules for photos",
        handler=change_rules,
        body=RulesAsked,
        answers={200: RulesAnswer},
    ),
)
