# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""StartSession and the operations about sessions."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from werkzeug.datastructures import Headers

from tests.local_aws.account import ACCOUNT_ID, Account
from tests.local_aws.credentials import find_caller
from tests.local_aws.environment import ACCESS_KEY
from tests.local_aws.errors import AwsError
from tests.local_aws.front import Later
from tests.local_aws.hosts.agents import Agents
from tests.local_aws.hosts.answers import invalid, json_answer, page
from tests.local_aws.hosts.fleet import Fleet
from tests.local_aws.hosts.host import Host
from tests.local_aws.hosts.profiles import role_of
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.permissions import Access
from tests.local_aws.roles import role_may
from tests.local_aws.sessions.documents import read_document
from tests.local_aws.sessions.faults import Faults
from tests.local_aws.sessions.session import Session

DATA_CHANNEL = "/v1/data-channel/"


class Operations:
    """Every method answers one operation, under the fleet's lock."""

    def __init__(self, fleet: Fleet, agents: Agents, faults: Faults) -> None:
        self._fleet = fleet
        self._agents = agents
        self._faults = faults
        self.sessions: dict[str, Session] = {}
        self.answers: dict[str, Callable[[AwsRequest], AwsResponse]] = {
            "StartSession": self.start,
            "ResumeSession": self.resume,
            "TerminateSession": self.terminate,
            "DescribeSessions": self.describe,
        }

    def start(self, request: AwsRequest) -> AwsResponse:
        """StartSession; the shell begins when its client connects."""
        params = request.params
        host = self._connected(params["Target"], request.region)
        program = read_document(params)
        owner = _owner(request)
        session_id = f"{owner.rpartition('/')[2].rpartition(':')[2]}-{secrets.token_hex(9)[:17]}"
        session = Session(session_id, host, owner, params.get("Reason", ""), program, self._faults)
        self.sessions[session_id] = session
        return self._admit(session)

    def resume(self, request: AwsRequest) -> AwsResponse:
        """ResumeSession; a session that is over is resumed without a token, and the client gives up."""
        session = self._named(request)
        return json_answer({"SessionId": session.id}) if session.ended else self._admit(session)

    def terminate(self, request: AwsRequest) -> AwsResponse:
        """TerminateSession, which a session that is over does not mind."""
        session = self._named(request)

        def end() -> AwsResponse:
            session.end()
            return json_answer({"SessionId": session.id})

        # Its client may be slow to take the last message; others need not wait for that.
        return Later(200, Headers(), finish=end)

    def describe(self, request: AwsRequest) -> AwsResponse:
        """DescribeSessions, the newest first."""
        params = request.params
        is_over = params["State"] == "History"
        tests = [_test(each["key"], each["value"]) for each in params.get("Filters", [])]
        found = [
            session
            for session in reversed(self.sessions.values())
            if session.host.region == request.region
            and session.is_over == is_over
            and all(test(session) for test in tests)
        ]
        part, token = page([session.describe() for session in found], params, 1, 200, 200)
        return json_answer({"Sessions": part} | ({"NextToken": token} if token else {}))

    def is_gone(self, session: Session) -> bool:
        """Say whether a session has lost its host, or the agent there."""
        return session.host.generation != session.generation or not self._agents.is_online(session.host)

    def _connected(self, target: str, region: str) -> Host:
        host = self._fleet.find(target)
        if host is None or host.region != region or not self._agents.is_online(host):
            raise AwsError("TargetNotConnected", f"{target} is not connected.")
        if not host.folder.exists():
            raise AwsError("NotImplementedByLocalAws", "There are no sessions on instant hosts.", 501)
        if not self._may_connect(host):
            raise AwsError("TargetNotConnected", f"{target} is not connected.")
        return host

    def _may_connect(self, host: Host) -> bool:
        actions = ("CreateControlChannel", "OpenControlChannel", "CreateDataChannel", "OpenDataChannel")
        return all(role_may(role_of(host), Access(f"ssmmessages:{action}", "*")) for action in actions)

    def _admit(self, session: Session) -> AwsResponse:
        place = urlsplit(self._fleet.endpoint_url).netloc
        url = f"ws://{place}{DATA_CHANNEL}{quote(session.id)}?role=publish_subscribe"
        return json_answer({"SessionId": session.id, "TokenValue": session.new_token(), "StreamUrl": url})

    def _named(self, request: AwsRequest) -> Session:
        session_id = request.params["SessionId"]
        session = self.sessions.get(session_id)
        if session is None or session.host.region != request.region:
            raise AwsError("DoesNotExistException", f"Session {session_id} does not exist.")
        return session


def _owner(request: AwsRequest) -> str:
    if request.access_key == ACCESS_KEY:
        return f"arn:aws:iam::{ACCOUNT_ID}:root"
    return find_caller(request, Account(request.region)).arn


def _test(key: str, value: str) -> Callable[[Session], bool]:
    facts: Mapping[str, Callable[[Session], Any]] = {
        "Target": lambda session: session.host.id,
        "Owner": lambda session: session.owner,
        "Status": lambda session: session.status,
        "SessionId": lambda session: session.id,
    }
    if key in facts:
        return lambda session: bool(facts[key](session) == value)
    if key in ("InvokedAfter", "InvokedBefore"):
        try:
            moment = datetime.fromisoformat(value).timestamp()
        except ValueError as error:
            raise invalid(f"Value '{value}' of the filter {key} is not a time such as 2026-02-02T13:30:00Z") from error
        return lambda session: (session.started >= moment) == (key == "InvokedAfter")
    raise AwsError("InvalidFilterKey", f"Invalid filter key: {key}")
