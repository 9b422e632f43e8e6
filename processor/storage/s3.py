"""Photos in a bucket: anything that speaks S3 (AWS, MinIO, R2, …), for web and worker on different machines.

The one house of boto3, which is an extra (`bothways[s3]`): nobody loads this module without a bucket.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from processor.config import Bucket
from processor.errors import ConfigError, StorageDown
from processor.storage import PIECE_BYTES, Received, checked_key

CONNECTIONS = 10
CONNECT_SECONDS = 5
READ_SECONDS = 30
"""For one piece, not for a whole picture."""
ATTEMPTS = 2
"""Whoever asks tries again by themselves; this is for one that broke off."""
_NO_SUCH_KEY = frozenset({"NoSuchKey", "404"})
"""As it is said where there is no object; 404 by those that give no code. No bucket is another thing."""


class _Missing(StorageDown):
    """There is no such object."""


class S3Storage:
    """Keeps pictures in a bucket. One client for all threads of a process."""

    def __init__(self, bucket: Bucket) -> None:
        """Open no connection, but for a machine's own role, which is asked for.

        Raises ConfigError where no key is found, or the region or the endpoint cannot be one.
        """
        self._bucket = bucket.name
        try:
            session = boto3.Session(region_name=bucket.region)
            has_key = session.get_credentials() is not None
            self._client = session.client("s3", endpoint_url=bucket.endpoint, config=_config())
        except (BotoCoreError, ValueError) as error:
            # Its words may hold values.
            raise ConfigError([f"PHOTO_STORAGE: boto3 cannot use it ({type(error).__name__})."]) from None
        if not has_key:
            raise ConfigError(
                [
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: set the key of the bucket in "
                    "PHOTO_STORAGE, or give this machine a role that may use it."
                ]
            )

    @property
    def scratch(self) -> Path:
        """A directory for files that are arriving, on this machine."""
        return Path(tempfile.gettempdir()) / "bothways-arriving"

    def put(self, key: str, received: Received) -> None:
        """Keep what was received: a bucket has an object whole, or not at all. One call, so that it cannot be
        left half sent; its signature holds the content's digest."""
        with _asked(), received.path.open("rb") as file:
            self._client.put_object(Bucket=self._bucket, Key=checked_key(key), Body=file)

    def open(self, key: str) -> Iterator[bytes]:
        """Return the content in pieces."""
        try:
            with _asked():
                body = self._client.get_object(Bucket=self._bucket, Key=checked_key(key))["Body"]
        except _Missing:
            raise FileNotFoundError(key) from None

        def pieces() -> Iterator[bytes]:
            with _asked(), closing(body):
                yield from body.iter_chunks(PIECE_BYTES)

        return pieces()

    def delete(self, key: str) -> None:
        """Delete it, if it is there."""
        self._delete(checked_key(key))

    def delete_all(self, folder: str) -> None:
        """Delete everything in the folder, a page of names at a time. One by one: not all that speak S3 take
        boto3's call for many."""
        prefix = checked_key(f"{folder}/x")[:-1]
        pages = self._client.get_paginator("list_objects_v2")
        with _asked():
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for found in page.get("Contents", ()):
                    self._delete(found["Key"])

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _delete(self, key: str) -> None:
        with suppress(_Missing), _asked():
            self._client.delete_object(Bucket=self._bucket, Key=key)


def _config() -> Config:
    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=CONNECTIONS,
        # Where photos go is said in one place.
        ignore_configured_endpoint_urls=True,
        # What boto3 adds by itself beside the signature, several that speak S3 refuse.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


@contextmanager
def _asked() -> Iterator[None]:
    """Raise what went wrong as StorageDown. `from None`: boto3's own errors may carry what was sent."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        kind = _Missing if code in _NO_SUCH_KEY else StorageDown
        raise kind(f"the bucket answers {code}") from None
    except (BotoCoreError, HTTPError, OSError) as error:
        raise StorageDown(type(error).__name__) from None
