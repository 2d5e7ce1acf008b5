# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What Lambda functions are and should be, in the words of a module's options.

Pure functions: they import neither boto3 nor Ansible.
This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils import _event_invoke_config as event_invoke_config
from ansible_collections.algotrading.aws.plugins.module_utils._lambda_package import code_sha256
from ansible_collections.algotrading.aws.plugins.module_utils._resources import compared

Options = Mapping[str, Any]

REQUIRED = ("role", "runtime", "handler", "sources", "log_retention_days")
# What Lambda would refuse only when it is asked for a change, and in check mode never.
RANGES = {
    "timeout": (1, 900),
    "memory_size": (128, 10240),
    "maximum_event_age_in_seconds": (60, 21600),
}
MAX_ENVIRONMENT = 4096
# What such a variable holds is secret. GITHUB_SECRET_ID holds a secret's name, which is none.
SECRET = re.compile(r"(^|_)(password|passphrase|token|secret|credential|(api)?key)s?(_|$)", re.IGNORECASE)
HARMLESS = re.compile(r"_(id|name|arn)$", re.IGNORECASE)
# The settings of a function whose names alone differ from AWS's.
NAMES = {
    "description": "Description",
    "role": "Role",
    "runtime": "Runtime",
    "handler": "Handler",
    "timeout": "Timeout",
    "memory_size": "MemorySize",
}


@dataclass(frozen=True)
class Wanted:
    """A function that should be there."""

    name: str
    settings: dict[str, Any]
    package: bytes = field(repr=False)
    log_group: dict[str, Any]
    event_invoke_config: dict[str, Any]


@dataclass(frozen=True)
class Found:
    """What there is of a function; None for what is not there."""

    settings: dict[str, Any] | None
    architectures: list[str]
    log_group: dict[str, Any] | None
    event_invoke_config: dict[str, Any] | None


def log_group_of(name: str) -> str:
    """Where Lambda puts what a function prints."""
    return f"/aws/lambda/{name}"


def prefix_of_log_groups(names: Sequence[str]) -> str:
    """What the names of these functions' log groups begin with."""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(min(names), max(names), strict=False))
    return log_group_of("".join(letter for letter, _same in alike))


def complaints(functions: Sequence[Options]) -> list[str]:
    """What is wrong with the functions that should be there, before anything is asked of AWS."""
    twice = [name for name, count in Counter(each["name"] for each in functions).items() if count > 1]
    return [f"function '{name}' is given more than once" for name in twice] + [
        f"function '{options['name']}' {complaint}" for options in functions for complaint in _complaints_of(options)
    ]


def _complaints_of(options: Options) -> list[str]:
    missing = [name for name in REQUIRED if options[name] in (None, [])]
    if missing:
        return [f"needs {', '.join(missing)}"]
    found = [
        f"has the {name} {options[name]}, and Lambda takes {low} to {high}"
        for name, (low, high) in RANGES.items()
        if not low <= options[name] <= high
    ]
    variables = options["environment_variables"]
    found += [f"has the variable {key}, which is no text" for key in variables if not isinstance(variables[key], str)]
    size = len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode())
    if size > MAX_ENVIRONMENT:
        found.append(f"has {size} bytes of environment_variables, and Lambda takes {MAX_ENVIRONMENT}: shorten them")
    return found


def secrets_of(variables: Mapping[str, Any]) -> set[str]:
    """The values of those variables whose names look as if they were secret."""
    return {
        str(value) for name, value in variables.items() if value and SECRET.search(name) and not HARMLESS.search(name)
    }


def wanted_of(options: Options, package: bytes) -> Wanted:
    """Read the options of one function."""
    settings = {
        **{name: options[name] for name in NAMES},
        "environment_variables": dict(options["environment_variables"]),
        "vpc_subnet_ids": [],
        "code_sha256": code_sha256(package),
    }
    return Wanted(
        options["name"],
        settings,
        package,
        {"retention_in_days": options["log_retention_days"]},
        event_invoke_config.from_options(options),
    )


def settings_from_aws(described: Mapping[str, Any]) -> dict[str, Any]:
    """Read what GetFunctionConfiguration returns."""
    return {
        **{option: described.get(name, "") for option, name in NAMES.items()},
        "environment_variables": described.get("Environment", {}).get("Variables", {}),
        "vpc_subnet_ids": described.get("VpcConfig", {}).get("SubnetIds", []),
        "code_sha256": described.get("CodeSha256", ""),
    }


def settings_to_aws(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Write some settings as parameters of CreateFunction or UpdateFunctionConfiguration. Code is none of them."""
    parameters: dict[str, Any] = {NAMES[option]: value for option, value in settings.items() if option in NAMES}
    if "environment_variables" in settings:
        parameters["Environment"] = {"Variables": settings["environment_variables"]}
    if "vpc_subnet_ids" in settings:
        parameters["VpcConfig"] = {"SubnetIds": settings["vpc_subnet_ids"], "SecurityGroupIds": []}
    return parameters


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What of a function has to be changed, with what it should be."""
    return {name: value for name, value in after.items() if before.get(name) != value}


def entries(name: str, found: Found, wanted: Wanted | None) -> list[dict[str, Any]]:
    """Say what becomes of a function and what belongs to it."""
    return [
        compared("log group", log_group_of(name), found.log_group, wanted.log_group if wanted else None),
        compared("Lambda function", name, found.settings, wanted.settings if wanted else None),
        compared(
            "event invoke config",
            name,
            found.event_invoke_config,
            wanted.event_invoke_config if wanted else None,
        ),
    ]
