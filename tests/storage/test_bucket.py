"""A bucket for pictures: as good as a directory, and honest when it is not."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from processor import log
from processor.bootstrap import build
from processor.config import Role, Settings, load
from processor.errors import ConfigError, StorageDown
from processor.storage.s3 import S3Storage
from tests.storage.bucket import BUCKET, SECRET, Bucket, nothing_of_the_machine, running
from tests.storage.signing import NOTHING, signature
from tests.storage.test_storage import behaves, put, read

Made = tuple[Bucket, str]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """A bucket that runs, with its PHOTO_STORAGE, and its key in the environment."""
    with running(monkeypatch) as made:
        yield made


@pytest.fixture
def storage(bucket: Made) -> Iterator[S3Storage]:
    """The way to it."""
    opened = _open(bucket[1])
    yield opened
    opened.close()


@pytest.fixture
def everything_logged(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """What a process writes that logs as much as it can."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    log.set_up("DEBUG")
    yield capsys
    root.handlers[:] = handlers
    root.setLevel(level)


def _open(setting: str) -> S3Storage:
    named = Settings(photo_storage=setting).bucket
    assert named is not None
    return S3Storage(named)


def test_a_bucket_keeps_pictures(bucket: Made, storage: S3Storage) -> None:
    """As any place does, over signed calls."""
    behaves(storage)
    assert list(bucket[0].kept) == ["con_ab/four"]


def test_a_folder_of_many_pages_goes(bucket: Made, storage: S3Storage) -> None:
    """All of it, and nothing beside it."""
    bucket[0].kept |= {f"con_a/n{n}": b"x" for n in range(7)} | {"con_b/n0": b"x"}
    storage.delete_all("con_a")
    assert list(bucket[0].kept) == ["con_b/n0"]


def test_what_is_refused_once_is_tried_once_more(bucket: Made, storage: S3Storage) -> None:
    """From its beginning."""
    bucket[0].refusals = [503]
    put(storage, "con_a/one", b"abc" * 50_000)
    assert (bucket[0].kept["con_a/one"], bucket[0].calls) == (b"abc" * 50_000, 2)


def test_a_bucket_that_is_down_is_said_to_be(bucket: Made, storage: S3Storage) -> None:
    """Soon, and nothing is taken for kept."""
    bucket[0].refusals = [503] * 9
    with pytest.raises(StorageDown):
        put(storage, "con_a/one", b"x")
    assert (bucket[0].kept, bucket[0].calls) == ({}, 2)


def test_content_that_breaks_off_is_not_taken_for_the_whole(bucket: Made, storage: S3Storage) -> None:
    """Whoever reads it is told."""
    put(storage, "con_a/one", b"abc" * 100_000)
    bucket[0].cuts = True
    with pytest.raises(StorageDown):
        read(storage, "con_a/one")


def test_no_bucket_is_not_no_picture(bucket: Made) -> None:
    """A photo must not seem lost because its bucket was misspelt."""
    misspelt = _open(bucket[1].replace(BUCKET, "fotos"))
    with pytest.raises(StorageDown, match="NoSuchBucket"):
        misspelt.open("con_a/one")
    misspelt.close()


def test_another_key_is_refused_and_no_secret_is_told(
    bucket: Made, monkeypatch: pytest.MonkeyPatch, everything_logged: pytest.CaptureFixture[str]
) -> None:
    """At once; neither the words nor the log hold a secret or a signature."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    nobody = _open(bucket[1])
    with pytest.raises(StorageDown, match="SignatureDoesNotMatch") as told:
        put(nobody, "con_a/one", b"x")
    nobody.close()
    assert bucket[0].calls == 1
    logged = everything_logged.readouterr().err
    for secret in ("another", SECRET, "Signature="):
        assert secret not in str(told.value) + logged


@pytest.mark.parametrize(
    ("setting", "endpoint"),
    [
        ("s3://my-photos", None),
        ("s3://my-photos?region=eu-north-1", None),
        ("s3://my-photos?endpoint=https://photos.maple.test", "https://photos.maple.test"),
        ("s3://my-photos?endpoint=http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    ],
)
def test_a_bucket_is_named_by_one_setting(setting: str, endpoint: str | None) -> None:
    """Without an endpoint it is AWS's."""
    named = Settings(photo_storage=setting).bucket
    assert named is not None
    assert (named.name, named.endpoint) == ("my-photos", endpoint)


@pytest.mark.parametrize(
    "setting",
    [
        "my-photos",
        "s3://",
        "s3://my-photos/folder",
        "s3://my photos",
        "s3://my-photos?endpiont=https://photos.maple.test",
        "s3://my-photos?endpoint=",
        "s3://my-photos?endpoint=http://photos.maple.test",
        "s3://my-photos?endpoint=photos.maple.test",
        "https://photos.maple.test/my-photos",
    ],
)
def test_what_names_no_bucket_is_refused(setting: str, tmp_path: Path) -> None:
    """Also where a part is mistyped: photos would go elsewhere."""
    with pytest.raises(ConfigError, match="PHOTO_STORAGE: write it as"):
        load(Role.EMBEDDED, photo_storage=setting, data_dir=tmp_path)


def test_without_its_key_nothing_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It says which settings are missing."""
    nothing_of_the_machine(monkeypatch)
    settings = load(Role.EMBEDDED, photo_storage="s3://my-photos", data_dir=tmp_path)
    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        build(settings)


def test_what_boto3_cannot_use_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A profile that is not there."""
    nothing_of_the_machine(monkeypatch)
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    settings = load(Role.EMBEDDED, photo_storage="s3://my-photos", data_dir=tmp_path)
    with pytest.raises(ConfigError, match="ProfileNotFound") as told:
        build(settings)
    assert "somebody" not in str(told.value)


def test_without_boto3_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is an extra."""
    monkeypatch.delitem(sys.modules, "processor.storage.s3")
    monkeypatch.setitem(sys.modules, "boto3", None)
    settings = load(Role.EMBEDDED, photo_storage="s3://my-photos", data_dir=tmp_path)
    with pytest.raises(ConfigError, match=r"pip install 'bothways\[s3\]'"):
        build(settings)


def test_the_checker_knows_aws_signatures() -> None:
    """The worked example of AWS's own documentation (GET Object, 24 May 2013)."""
    headers = {
        "host": "examplebucket.s3.amazonaws.com",
        "range": "bytes=0-9",
        "x-amz-content-sha256": NOTHING,
        "x-amz-date": "20130524T000000Z",
    }
    signed = signature(
        "GET",
        "https://examplebucket.s3.amazonaws.com/test.txt",
        headers,
        secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        region="us-east-1",
    )
    assert signed == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
