# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Reads and changes Lambda functions, several at a time, with the log groups and event invoke configs that are theirs.

Every step may be killed and taken again: what is left to do is always found by comparing.
One function that AWS refuses to change keeps no other from being what it should be.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ansible_collections.algotrading.aws.plugins.module_utils import _lambda_requests as requests
from ansible_collections.algotrading.aws.plugins.module_utils._lambda_functions import (
    Found,
    Wanted,
    differing,
    log_group_of,
    prefix_of_log_groups,
    settings_from_aws,
)
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError, is_ansible_aws_error_code

T = TypeVar("T")

WORKERS = 8


class Functions:
    """Functions by their names, in one region of one account."""

    def __init__(self, client: Any, logs: Any) -> None:
        self.client, self.logs = client, logs
        # What went wrong, by the function's name.
        self.failures: dict[str, AnsibleAWSError] = {}

    def read(self, names: Sequence[str]) -> dict[str, Found]:
        """Say what there is, before anything is changed.

        Raises:
            AnsibleAWSError: AWS does not say.
        """
        if not names:
            return {}
        with ThreadPoolExecutor(WORKERS) as pool:
            log_groups = pool.submit(requests.describe_log_groups, self.logs, prefix_of_log_groups(names))
            configs = {name: pool.submit(self._ask, requests.get_event_invoke_config, name) for name in names}
            described = {name: pool.submit(self._ask, requests.get_function_configuration, name) for name in names}
        return {
            name: _found(described[name].result(), log_groups.result().get(log_group_of(name)), configs[name].result())
            for name in names
        }

    def _ask(self, request: Callable[[Any, str], T], name: str) -> T:
        try:
            return request(self.client, name)
        except AnsibleAWSError as error:
            raise _about(name, error) from error

    def bring_about(self, functions: Sequence[Wanted], found: Mapping[str, Found]) -> None:
        """Make the functions what they should be, and then what becomes of their events, as that leads to functions."""
        self._each(lambda wanted: self._deploy(wanted, found[wanted.name]), functions)
        sound = [wanted for wanted in functions if wanted.name not in self.failures]
        self._each(lambda wanted: self._configure_events(wanted, found[wanted.name]), sound)

    def remove(self, found: Mapping[str, Found]) -> None:
        """Delete the functions with all that is theirs; last the log groups, as a function writes to the last."""
        self._each_name(lambda name: self._delete(name, found[name]), list(found))

    def _each(self, step: Callable[[Wanted], None], functions: Sequence[Wanted]) -> None:
        by_name = {wanted.name: wanted for wanted in functions}
        self._each_name(lambda name: step(by_name[name]), list(by_name))

    def _each_name(self, step: Callable[[str], None], names: Sequence[str]) -> None:
        def attempt(name: str) -> None:
            try:
                step(name)
            except AnsibleAWSError as error:
                self.failures[name] = _about(name, error)

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(attempt, names))

    def _deploy(self, wanted: Wanted, found: Found) -> None:
        self._keep_log(wanted, found.log_group)
        if found.settings is not None:
            self._update(wanted, found.settings, found.architectures)
            return
        try:
            requests.create_function(self.client, wanted.name, wanted.settings, wanted.package)
        except is_ansible_aws_error_code("ResourceConflictException"):
            # It was made after all: an answer was lost, or another run was faster.
            requests.wait_until_active(self.client, wanted.name)
            described = requests.get_function_configuration(self.client, wanted.name) or {}
            self._update(wanted, settings_from_aws(described), _architectures_of(described))
        else:
            requests.wait_until_active(self.client, wanted.name)

    def _keep_log(self, wanted: Wanted, before: dict[str, Any] | None) -> None:
        name = log_group_of(wanted.name)
        if before is None:
            requests.create_log_group(self.logs, name)
        if before != wanted.log_group:
            requests.put_retention_policy(self.logs, name, wanted.log_group["retention_in_days"])

    def _update(self, wanted: Wanted, before: dict[str, Any], architectures: list[str]) -> None:
        """Update what differs, the code last: Lambda takes none for a runtime that it has given up."""
        settings = differing(before, wanted.settings)
        code = settings.pop("code_sha256", None)
        if settings:
            requests.update_function_configuration(self.client, wanted.name, settings)
            requests.wait_until_updated(self.client, wanted.name)
        if code:
            requests.update_function_code(self.client, wanted.name, wanted.package, architectures)
            requests.wait_until_updated(self.client, wanted.name)

    def _configure_events(self, wanted: Wanted, found: Found) -> None:
        if found.event_invoke_config != wanted.event_invoke_config:
            requests.put_event_invoke_config(self.client, wanted.name, wanted.event_invoke_config)

    def _delete(self, name: str, found: Found) -> None:
        if found.event_invoke_config is not None:
            requests.delete_event_invoke_config(self.client, name)
        if found.settings is not None:
            requests.delete_function(self.client, name)
        if found.log_group is not None:
            requests.delete_log_group(self.logs, log_group_of(name))


def _found(described: dict[str, Any] | None, log_group: dict[str, Any] | None, config: dict[str, Any] | None) -> Found:
    settings = settings_from_aws(described) if described else None
    return Found(settings, _architectures_of(described or {}), log_group, config)


def _architectures_of(described: dict[str, Any]) -> list[str]:
    """What an update of the code must name, as it falls back to Lambda's default otherwise."""
    return described.get("Architectures", ["x86_64"])


def _about(name: str, error: AnsibleAWSError) -> AnsibleAWSError:
    """The same error, with the function's name in it."""
    return AnsibleAWSError(message=f"{error.message} '{name}'", exception=error.exception)
