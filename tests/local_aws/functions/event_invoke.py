# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What happens to a function's asynchronous events: retries, age, destinations.

moto appends where AWS replaces, and knows no versions; so the whole of it is here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from werkzeug.datastructures import Headers

from tests.local_aws.account import Account
from tests.local_aws.errors import AwsError
from tests.local_aws.functions.deployed import find_deployed, find_function, split_reference
from tests.local_aws.functions.event_invoke_rules import check_event_invoke_config
from tests.local_aws.messages import AwsRequest, AwsResponse

if TYPE_CHECKING:
    from moto.awslambda.models import LambdaFunction

_SETTINGS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")


@dataclass(frozen=True)
class EventInvokeConfig:
    """The settings in force, with AWS's defaults."""

    retries: int = 2
    age: int = 21_600
    destinations: dict[str, str] = field(default_factory=dict)


class EventInvokeConfigs:
    """Keeps them per function and version or alias; they go when the function goes."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[LambdaFunction, dict[str, dict[str, Any]]] = WeakKeyDictionary()
        self.answers: dict[str, Callable[[AwsRequest, Account], AwsResponse]] = {
            "PutFunctionEventInvokeConfig": self._put,
            "UpdateFunctionEventInvokeConfig": self._update,
            "GetFunctionEventInvokeConfig": self._get,
            "DeleteFunctionEventInvokeConfig": self._delete,
            "ListFunctionEventInvokeConfigs": self._list,
        }

    def find(self, account: Account, reference: str, qualifier: str) -> EventInvokeConfig:
        """Return the settings in force for a function."""
        kept, qualifier = self._of(account, reference, qualifier)
        document = kept.get(qualifier, {})
        named = document.get("DestinationConfig", {})
        return EventInvokeConfig(
            retries=document.get("MaximumRetryAttempts", EventInvokeConfig.retries),
            age=document.get("MaximumEventAgeInSeconds", EventInvokeConfig.age),
            destinations={case: chosen["Destination"] for case, chosen in named.items() if chosen.get("Destination")},
        )

    def _of(self, account: Account, reference: str, qualifier: str | None) -> tuple[dict[str, dict[str, Any]], str]:
        name, qualifier = split_reference(reference, qualifier)
        find_function(account, name, qualifier)
        function, _ = find_function(account, name)
        return self._kept.setdefault(function, {}), qualifier

    def _put(self, request: AwsRequest, account: Account) -> AwsResponse:
        return self._keep(request, account, {})

    def _update(self, request: AwsRequest, account: Account) -> AwsResponse:
        kept, qualifier = self._of(account, request.params["FunctionName"], request.params.get("Qualifier"))
        if qualifier not in kept:
            raise self._missing(request, account)
        return self._keep(request, account, kept[qualifier])

    def _keep(self, request: AwsRequest, account: Account, before: dict[str, Any]) -> AwsResponse:
        reference, qualifier = request.params["FunctionName"], request.params.get("Qualifier")
        function = find_deployed(account, reference, qualifier)
        given = {name: request.params[name] for name in _SETTINGS if request.params.get(name) is not None}
        check_event_invoke_config(given, function)
        kept, qualifier = self._of(account, reference, qualifier)
        document = before | given
        document["DestinationConfig"] = {"OnSuccess": {}, "OnFailure": {}} | document.get("DestinationConfig", {})
        kept[qualifier] = document | {"FunctionArn": function.qualified_arn, "LastModified": time.time()}
        return _answer(kept[qualifier])

    def _get(self, request: AwsRequest, account: Account) -> AwsResponse:
        kept, qualifier = self._of(account, request.params["FunctionName"], request.params.get("Qualifier"))
        if qualifier not in kept:
            raise self._missing(request, account)
        return _answer(kept[qualifier])

    def _delete(self, request: AwsRequest, account: Account) -> AwsResponse:
        kept, qualifier = self._of(account, request.params["FunctionName"], request.params.get("Qualifier"))
        if kept.pop(qualifier, None) is None:
            raise self._missing(request, account)
        return AwsResponse(204, Headers())

    def _list(self, request: AwsRequest, account: Account) -> AwsResponse:
        kept, _ = self._of(account, request.params["FunctionName"], None)
        return _answer({"FunctionEventInvokeConfigs": list(kept.values())})

    def _missing(self, request: AwsRequest, account: Account) -> AwsError:
        function = find_deployed(account, request.params["FunctionName"], request.params.get("Qualifier"))
        message = f"The function {function.qualified_arn} doesn't have an EventInvokeConfig"
        return AwsError("ResourceNotFoundException", message, 404)


def _answer(document: dict[str, Any]) -> AwsResponse:
    return AwsResponse(200, Headers({"Content-Type": "application/json"}), json.dumps(document).encode())
