# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a bucket is like through which Ansible's files go.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from typing import Any

# Tells our bucket from another of that name, whose objects must not vanish.
MARK = {"Purpose": "ansible-file-transfer"}


def wanted_settings(expiration_days: int, present: dict[str, Any]) -> dict[str, Any]:
    """The settings that the bucket should have, given those that it has. What is as good as wanted stays."""
    return {
        "public_access_block": {
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
        "encryption": "AES256",
        # A bucket that was versioned once is never Off again.
        "versioning": "Suspended" if present.get("versioning") in ("Enabled", "Suspended") else "Off",
        "lifecycle": [_expiry(expiration_days)],
        "tags": {**present.get("tags", {}), **MARK},
    }


def is_marked(settings: dict[str, Any]) -> bool:
    """Whether these are a transfer bucket's settings."""
    return MARK.items() <= settings.get("tags", {}).items()


def _expiry(days: int) -> dict[str, Any]:
    return {
        "ID": "expire",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"Days": days},
        "NoncurrentVersionExpiration": {"NoncurrentDays": days},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days},
    }
