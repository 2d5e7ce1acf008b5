# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Listings of S3 that take time for what they return, and not for all that the bucket holds; and large buckets."""

from __future__ import annotations

import functools
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tests.local_aws.account import Account
from tests.local_aws.environment import REGION

if TYPE_CHECKING:
    from moto.s3.models import FakeBucket, FakeKey, S3Backend

_CHANGING = ("__setitem__", "setlist", "pop")
_KEPT = "sorted_names"


def list_quickly() -> None:
    """Let moto skip what is in a folder, where it looks at every key; twice does no harm."""
    from moto.s3 import models
    from moto.s3.utils import _VersionedKeyStore

    original = models.S3Backend.list_objects
    if hasattr(original, "kept"):
        return
    for name in _CHANGING:
        setattr(_VersionedKeyStore, name, _forgetting(getattr(_VersionedKeyStore, name)))

    def list_objects(
        backend: S3Backend,
        bucket: FakeBucket,
        prefix: str | None,
        delimiter: str | None,
        marker: str | None,
        max_keys: int | None,
    ) -> Any:
        # The second version, the one that the product calls, does its pages itself.
        if marker or max_keys is not None or isinstance(bucket, models.FakeTableStorageBucket):
            return original(backend, bucket, prefix, delimiter, marker, max_keys)
        keys, folders = _keys_and_folders(bucket, prefix or "", delimiter)
        return [key for key in keys if not isinstance(key, models.FakeDeleteMarker)], folders, False, None

    list_objects.kept = original  # type: ignore[attr-defined]  # kept on it
    models.S3Backend.list_objects = list_objects  # type: ignore[method-assign,assignment]  # replaced


def put_many(bucket: str, folders: Sequence[str], names: Sequence[str]) -> None:
    """Put objects of the same names into many folders, at once; they share one body, and are there to be listed."""
    from moto.s3.models import FakeKey

    kind: Any = type(FakeKey)
    backend = Account(REGION).s3
    store = backend.get_bucket(bucket).keys
    pattern = backend.put_object(bucket, folders[0] + names[0], b"local\n")
    # All but the name stands in the class, as a million dictionaries would be gigabytes.
    alike = kind("Alike", (FakeKey,), {key: value for key, value in vars(pattern).items() if key != "name"})
    for folder in folders:
        for name in names:
            key = object.__new__(alike)
            key.name = folder + name
            dict.__setitem__(store, key.name, [key])
    vars(store).pop(_KEPT, None)


def _forgetting(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def change(store: Any, *arguments: Any) -> Any:
        vars(store).pop(_KEPT, None)
        return method(store, *arguments)

    return change


def _keys_and_folders(bucket: FakeBucket, prefix: str, delimiter: str | None) -> tuple[list[FakeKey], list[str]]:
    store: Any = bucket.keys
    names: list[str] = vars(store).get(_KEPT) or vars(store).setdefault(_KEPT, sorted(store))
    keys, folders = [], []
    place = bisect_left(names, prefix)
    while place < len(names) and names[place].startswith(prefix):
        name = names[place]
        end = name.find(delimiter, len(prefix)) if delimiter else -1
        if delimiter is None or end < 0:
            keys.append(store[name])
            place += 1
        else:
            folder = name[: end + len(delimiter)]
            folders.append(folder)
            place = bisect_left(names, _behind(folder), place)
    return keys, folders


def _behind(folder: str) -> str:
    """The first name that comes after all that is in a folder."""
    return folder[:-1] + chr(ord(folder[-1]) + 1)
