# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""How Lambda treats asynchronous invocations, in the words of a module's options.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What Lambda does where nothing is configured.
DEFAULTS: dict[str, Any] = {
    "maximum_retry_attempts": 2,
    "maximum_event_age_in_seconds": 21600,
    "on_success": None,
    "on_failure": None,
}


def from_aws(config: dict[str, Any]) -> dict[str, Any]:
    """Read what GetFunctionEventInvokeConfig returns."""
    destinations = config.get("DestinationConfig") or {}
    read = {
        "maximum_retry_attempts": config.get("MaximumRetryAttempts"),
        "maximum_event_age_in_seconds": config.get("MaximumEventAgeInSeconds"),
        "on_success": (destinations.get("OnSuccess") or {}).get("Destination") or None,
        "on_failure": (destinations.get("OnFailure") or {}).get("Destination") or None,
    }
    return {key: DEFAULTS[key] if value is None else value for key, value in read.items()}


def from_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Read the options. An empty text as a destination is none."""
    return {key: None if options[key] == "" else options[key] for key in DEFAULTS}


def to_aws(config: dict[str, Any]) -> dict[str, Any]:
    """Make the whole of PutFunctionEventInvokeConfig's parameters, as it replaces what is left out."""
    destinations = {
        name: {"Destination": config[key]}
        for name, key in (("OnSuccess", "on_success"), ("OnFailure", "on_failure"))
        if config[key]
    }
    return {
        "MaximumRetryAttempts": config["maximum_retry_attempts"],
        "MaximumEventAgeInSeconds": config["maximum_event_age_in_seconds"],
        "DestinationConfig": destinations,
    }
