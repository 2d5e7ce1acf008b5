# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Listings of S3, which are ours, beside those that moto makes by looking at each key."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local_aws import LocalAws

BUCKET = "listed"
KEYS = ["a", "a/", "a/b", "a/b/c", "a/b/d/e", "a0", "ab/c", "b//c", "b/c", "é/é", "z"]


@pytest.fixture
def bucket(aws: LocalAws, s3: Any) -> Any:
    s3.create_bucket(Bucket=BUCKET)
    for key in KEYS:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    return s3


def listed(s3: Any, **parameters: Any) -> tuple[list[str], list[str]]:
    """All pages of a listing: its keys and its folders."""
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, **parameters))
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return keys, [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]


def expected(prefix: str, delimiter: str) -> tuple[list[str], list[str]]:
    """What S3's documentation says that the listing is."""
    keys, folders = [], set()
    for key in sorted(KEYS):
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        if key.startswith(prefix) and found:
            folders.add(prefix + head + delimiter)
        elif key.startswith(prefix):
            keys.append(key)
    return keys, sorted(folders)


@pytest.mark.parametrize("delimiter", ["", "/", "b", "b/"])
@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "a/b/", "b/", "é/", "y", "z", "zz"])
@pytest.mark.parametrize("page", [2, 1000])
def test_a_listing_has_keys_and_folders(bucket: Any, prefix: str, delimiter: str, page: int) -> None:
    found = listed(bucket, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": page})
    assert found == expected(prefix, delimiter)


def test_a_listing_follows_what_changes(bucket: Any) -> None:
    assert "a/b" in listed(bucket)[0]
    bucket.delete_object(Bucket=BUCKET, Key="a/b")
    assert "a/b" not in listed(bucket)[0]
    bucket.put_object(Bucket=BUCKET, Key="a/b", Body=b"")
    assert "a/b" in listed(bucket)[0]
    bucket.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    bucket.delete_object(Bucket=BUCKET, Key="a/b")
    assert listed(bucket)[0] == sorted(set(KEYS) - {"a/b"})


def test_many_objects_come_at_once(aws: LocalAws, bucket: Any) -> None:
    aws.put_many(BUCKET, [f"many/{number}/" for number in range(100)], ["one", "two/three"])
    assert listed(bucket, Prefix="many/7/", Delimiter="/") == (["many/7/one"], ["many/7/two/"])
    assert len(listed(bucket, Prefix="many/")[0]) == 200
    assert [call.operation for call in aws.calls()].count("PutObject") == len(KEYS)
