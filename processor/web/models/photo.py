"""Photos: handed over, as they stand on both sides, and the rules between them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from processor.domain.photo import Rules
from processor.domain.plan import MemberState
from processor.photos.link import PhotoLink
from processor.photos.read import GalleryReport, PhotoReport, PhotosPage, TherePage
from processor.photos.tell import photo_json
from processor.web.models.event import WordsAnswer
from processor.web.models.kinds import Answer, Asked, AskedInAddress, Id, Word

MOST_FILES = 1000
FileName = Annotated[str, Field(max_length=1000)]
BASE64_LENGTH = 14_100_000
URL_LENGTH = 2000


class PhotoAsked(Asked):
    """A picture that is handed over: its content in `data`, or where to fetch it in `url`. As
    `multipart/form-data` the same names are fields, and the content is the file `file`."""

    name: FileName | None = Field(None, description="Its file name; what is no name's is taken out.")
    ref: Id | None = Field(
        None, description="Your own id of it. The same one with other content is a new version."
    )
    contact: Id | None = Field(None, description="Whose it is: erasing that contact deletes it here.")
    connection: Id | None = Field(None, description="May be left out where the account has one connection.")
    push: bool = Field(False, description="Send it to Mailchimp at once.")
    data: Annotated[str, Field(max_length=BASE64_LENGTH)] | None = Field(None, description="Base64.")
    url: Annotated[str, Field(max_length=URL_LENGTH)] | None = Field(
        None, description="An https address on the Internet that answers with the picture itself."
    )


class PhotosAsked(AskedInAddress):
    """Which photos are wanted. `state` may be repeated."""

    state: list[MemberState] | None = None
    after: Word | None = Field(None, description="`cursor` of the answer before.")
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class ThereAsked(AskedInAddress):
    """Which of Mailchimp's pictures are wanted."""

    only_there: bool = Field(False, description="Only those that are no photos here.")
    after: Word | None = Field(None, description="`cursor` of the answer before.")
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class PullAsked(Asked):
    """What to bring here: these of Mailchimp's files, or, without any, all pictures that Mailchimp has."""

    files: (
        Annotated[list[Annotated[int, Field(ge=1, lt=2**63)]], Field(min_length=1, max_length=MOST_FILES)]
        | None
    ) = None


class RulesAsked(Asked):
    """What may be changed of the rules. What is not named stays as it is."""

    folder: Annotated[str, Field(max_length=100)] | None = Field(
        None,
        description="The folder in Mailchimp that photos go into, made if need be; empty for none.",
    )
    push_at_once: bool | None = Field(None, description="Send what is handed over without being asked.")
    replace: bool | None = Field(
        None, description="Whether a new version takes the old one's place in Mailchimp, or both stay."
    )
    bring_new: bool | None = Field(None, description="Bring what is new in Mailchimp here by itself.")
    look_minutes: Annotated[int, Field(ge=0, le=10_080)] | None = Field(
        None, description="How often to look for what is new there; 0 for only when asked."
    )


class ThereAnswer(Answer):
    """What a photo is in Mailchimp."""

    file_id: int
    full_size_url: str | None
    is_newest: bool = Field(description="Whether it is the newest version.")


class PhotoAnswer(Answer):
    """One photo."""

    id: str
    ref: str | None
    contact: str | None
    connection: str
    name: str
    origin: str = Field(description="`platform` or `mailchimp`: where it came from.")
    version: int
    sha256: str | None = Field(description="Of the content that is kept here; null until it was brought.")
    size_bytes: int
    media_type: str | None
    width: int = Field(description="In pixels.")
    height: int = Field(description="In pixels.")
    state: MemberState
    reason: str | None = Field(description="A code of the catalogue of failures, or why it is left out.")
    mailchimp: ThereAnswer | None


class PhotoStandingAnswer(PhotoAnswer):
    """One photo, how it stands in words, and where to fetch it."""

    words: WordsAnswer
    detail: str | None = Field(description="Mailchimp's own words.")
    instance: str | None = Field(description="Mailchimp's number for its answer: their support asks for it.")
    next_try_at: datetime | None
    url: str | None = Field(description="Gives the content to whoever has it, for an hour.")
    url_expires_at: datetime | None


class PhotosAnswer(Answer):
    """Photos that are kept here or on their way, newest first."""

    photos: list[PhotoStandingAnswer]
    cursor: str | None = Field(description="Pass it as `after` for more; null when there are no more.")


class PictureAnswer(Answer):
    """One picture as Mailchimp was seen to hold it."""

    file_id: int
    name: str
    size_bytes: int
    width: int
    height: int
    full_size_url: str
    thumbnail_url: str
    created_at: datetime
    photo: str | None = Field(description="The photo that it is here; null where it is in Mailchimp only.")


class PicturesAnswer(Answer):
    """What Mailchimp was seen to hold, newest first."""

    pictures: list[PictureAnswer]
    cursor: str | None = Field(description="Pass it as `after` for more; null when there are no more.")
    looked_at: datetime | None = Field(description="When Mailchimp was last asked.")


class WaitingAnswer(Answer):
    """What was asked for is done by workers."""

    waiting: int = Field(description="Photos that begin to be carried now.")


class RulesAnswer(Answer):
    """The rules, and how the gallery stands."""

    folder: str
    push_at_once: bool
    replace: bool
    bring_new: bool
    look_minutes: int | None
    photos: dict[str, int] = Field(description="Photos by state; `there` counts Mailchimp's pictures.")
    looked_at: datetime | None
    problem: WordsAnswer | None = Field(description="Why the last look failed.")


def photo_answer(found: PhotoReport, link: PhotoLink | None) -> PhotoStandingAnswer:
    """Return the photo as the API shows it."""
    said = found.words
    return PhotoStandingAnswer.model_validate(
        {
            **photo_json(found.row),
            "words": WordsAnswer(title=said.title, happened=said.happened, todo=said.todo),
            "detail": found.row.detail,
            "instance": found.row.instance,
            "next_try_at": found.next_try_at,
            "url": link.url if link else None,
            "url_expires_at": link.expires_at if link else None,
        }
    )


def photos_answer(page: PhotosPage, links: list[PhotoLink | None]) -> PhotosAnswer:
    """Return one page."""
    told = [photo_answer(found, link) for found, link in zip(page.photos, links, strict=True)]
    return PhotosAnswer(photos=told, cursor=page.cursor)


def pictures_answer(page: TherePage, looked_at: datetime | None) -> PicturesAnswer:
    """Return one page of Mailchimp's side."""
    told = [
        PictureAnswer(
            file_id=one.view.file_id,
            name=one.view.name,
            size_bytes=one.view.size_bytes,
            width=one.view.width,
            height=one.view.height,
            full_size_url=one.view.full_size_url,
            thumbnail_url=one.view.thumbnail_url,
            created_at=one.view.created_at,
            photo=one.photo_id,
        )
        for one in page.pictures
    ]
    return PicturesAnswer(pictures=told, cursor=page.cursor, looked_at=looked_at)


def rules_changed(asked: RulesAsked) -> dict[str, Any]:
    """Return the rules that were named."""
    named = {name: value for name, value in asked.model_dump().items() if value is not None}
    if named.get("look_minutes") == 0:
        named["look_minutes"] = None
    return named


def rules_answer(found: GalleryReport) -> RulesAnswer:
    """Return the rules and how the gallery stands."""
    rules: Rules = found.gallery.rules
    said = found.problem
    return RulesAnswer(
        **rules.model_dump(),
        photos=dict(found.counts),
        looked_at=found.gallery.looked_at,
        problem=WordsAnswer(title=said.title, happened=said.happened, todo=said.todo) if said else None,
    )
