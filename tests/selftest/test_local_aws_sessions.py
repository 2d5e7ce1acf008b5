# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Session Manager: the data channel frame by frame, what goes wrong with it, and who may use it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.selftest.helpers import error_of
from tests.selftest.living import Living, wait_for
from tests.selftest.session_helpers import RawClient, start_session
from tests.session_manager.frames import HANDSHAKE_REQUEST, HANDSHAKE_RESPONSE, SIZE, Frame, compact
from tests.session_manager.websocket import WebSocketClosedError

pytestmark = pytest.mark.xdist_group("hosts")


def test_a_shell_answers(living: Living) -> None:
    host = living.launch()
    session = start_session(living, host.id)
    client = RawClient(session)
    client.type("echo $AWS_REGION $0 $TERM; pwd; tty\n")
    said = client.wait_for("/dev/pts/")
    assert "us-east-1 sh xterm-256color" in said
    assert str(host.folder) in said
    client.type("exit\n")
    client.wait_until_closed()
    assert client.is_closed
    assert [session.id for session in living.aws.sessions()] == []
    wait_for(lambda: not host.processes())


def test_a_token_opens_a_channel_once(living: Living) -> None:
    host = living.launch()
    session = start_session(living, host.id)
    wrong = RawClient(session | {"TokenValue": "wrong"})
    wrong.wait_until_closed()
    assert (wrong.received, host.processes()) == ([], [])
    right = RawClient(session)
    right.wait_for("sh-")
    again = RawClient(session)
    again.wait_until_closed()
    assert again.received == []
    right.type("echo still here | tr a-z A-Z\n")
    right.wait_for("STILL HERE")


def test_an_unknown_session_has_no_channel(living: Living) -> None:
    url = living.aws.endpoint_url.replace("http:", "ws:")
    with pytest.raises(WebSocketClosedError):
        RawClient({"StreamUrl": f"{url}/v1/data-channel/nobody", "TokenValue": ""})


def test_sessions_do_not_see_each_other(living: Living) -> None:
    hosts = [living.launch(), living.launch()]
    clients = [RawClient(start_session(living, host.id)) for host in hosts for _ in range(2)]
    for number, client in enumerate(clients):
        client.type(f"mine=value{number}\n")
    for client in clients:
        client.type('echo "<$mine>" $(basename "$PWD")\n')
    for number, client in enumerate(clients):
        client.wait_for(f"<value{number}> {hosts[number // 2].id}")
    assert sorted(each.instance_id for each in living.aws.sessions()) == sorted([host.id for host in hosts] * 2)


def test_the_terminal_has_the_clients_size(living: Living) -> None:
    client = RawClient(start_session(living, living.launch().id))
    client.send(client.next_frame(compact({"cols": 132, "rows": 43}), SIZE))
    client.type("stty size\n")
    client.wait_for("43 132")


def test_input_that_comes_twice_is_typed_once(living: Living) -> None:
    host = living.launch()
    client = RawClient(start_session(living, host.id))
    frame = client.next_frame(b"echo once >>$HOME/typed\n")
    client.send(frame)
    client.send(frame)
    client.type("echo the end | tr a-z A-Z\n")
    client.wait_for("THE END")
    assert (host.home / "typed").read_text() == "once\n"
    assert client.acknowledged == [0, 0, 1]
    assert [each.duplicates for each in living.aws.sessions()] == [1]


def test_input_is_put_in_order(living: Living) -> None:
    client = RawClient(start_session(living, living.launch().id))
    frames = [client.next_frame(part) for part in (b"echo in", b" or", b"der | tr a-z A-Z\n")]
    for frame in reversed(frames):
        client.send(frame)
    client.wait_for("IN ORDER")


def test_damaged_input_is_not_taken(living: Living) -> None:
    host = living.launch()
    client = RawClient(start_session(living, host.id))
    frame = client.next_frame(b"touch $HOME/good\n")
    client.send_bytes(frame.encode().replace(b"good", b"evil"))
    client.send_bytes(b"not a frame")
    client.send(frame)
    wait_for((host.home / "good").exists)
    assert client.acknowledged == [0]
    assert not (host.home / "evil").exists()


def test_output_is_sent_again_until_it_is_acknowledged(living: Living) -> None:
    client = RawClient(start_session(living, living.launch().id), acknowledges=False)
    wait_for(lambda: len(client.received) > 2)
    first = client.received[0]
    assert (first.number, first.flags) == (0, 1)
    again = [frame for frame in client.received if frame.number == 0]
    assert {frame.id for frame in again} == {first.id}
    assert len(again) > 1
    client.acknowledges = True
    client.type("echo the end | tr a-z A-Z\n")
    client.wait_for("THE END")


def test_output_waits_for_a_client_that_lags(living: Living) -> None:
    client = RawClient(start_session(living, living.launch().id), acknowledges=False)
    client.type("seq 1000000\n")
    wait_for(lambda: any(frame.number == 999 for frame in client.received))
    sent_again = len(client.received) + 3
    wait_for(lambda: len(client.received) > sent_again)
    assert max(frame.number for frame in client.received) == 999


def test_a_client_that_comes_again_gets_what_it_has_not_acknowledged(living: Living) -> None:
    host = living.launch()
    session = start_session(living, host.id)
    first = RawClient(session)
    first.wait_for("sh-")
    first.acknowledges = False
    first.type("echo hello | tr a-z A-Z\n")
    first.wait_for("HELLO")
    first.hang_up()
    wait_for(lambda: [each.status for each in living.aws.sessions()] == ["Disconnected"])
    token = living.ssm.resume_session(SessionId=session["SessionId"])["TokenValue"]
    second = RawClient(session | {"TokenValue": token})
    assert "HELLO" in second.wait_for("HELLO")
    assert [(each.status, each.connections) for each in living.aws.sessions()] == [("Connected", 2)]


def test_much_output_comes_whole(living: Living) -> None:
    client = RawClient(start_session(living, living.launch().id))
    client.type("stty -echo; PS1=; seq -f 'Zürich 株式 %g' 10000; echo the end | tr a-z A-Z\n")
    said = client.wait_for("THE END")
    lines = [line for line in said.splitlines() if line.startswith("Zürich 株式 ")]
    assert lines == [f"Zürich 株式 {number}" for number in range(1, 10_001)]
    # No message ends in the middle of a character, though the terminal knows nothing of characters.
    assert all(frame.payload.decode() for frame in client.received)


def test_a_stopped_instance_ends_its_sessions(living: Living) -> None:
    host, other = living.launch(), living.launch()
    clients = [RawClient(start_session(living, each.id)) for each in (host, other)]
    for client in clients:
        client.type("echo up | tr a-z A-Z\n")
        client.wait_for("UP")
    living.stop(host.id)
    clients[0].wait_until_closed()
    assert (clients[0].is_closed, host.processes()) == (True, [])
    assert [each.instance_id for each in living.aws.sessions()] == [other.id]


def test_a_lost_agent_ends_its_sessions(living: Living) -> None:
    host = living.launch()
    client = RawClient(start_session(living, host.id))
    client.wait_for("sh-")
    living.aws.agent_never(host.id)
    client.wait_until_closed()
    wait_for(lambda: not host.processes())


def test_a_session_can_be_terminated(living: Living) -> None:
    host = living.launch()
    session = start_session(living, host.id, Reason="a test")
    client = RawClient(session)
    client.type("trap '' HUP; while :; do sleep 0.1; done\n")
    wait_for(lambda: any(argv[0] == "sleep" for _, argv in host.processes()))
    living.ssm.terminate_session(SessionId=session["SessionId"])
    client.wait_until_closed()
    assert client.is_closed
    wait_for(lambda: not host.processes())
    assert living.ssm.describe_sessions(State="Active")["Sessions"] == []
    (ended,) = living.ssm.describe_sessions(State="History")["Sessions"]
    assert (ended["Status"], ended["Reason"], ended["Target"]) == ("Terminated", "a test", host.id)
    assert ended["StartDate"] <= ended["EndDate"]
    # It is over: that is no error, and it is not resumed.
    living.ssm.terminate_session(SessionId=session["SessionId"])
    assert "TokenValue" not in living.ssm.resume_session(SessionId=session["SessionId"])


def test_sessions_are_listed(living: Living) -> None:
    hosts = [living.launch(), living.launch()]
    sessions = [start_session(living, host.id)["SessionId"] for host in hosts]

    def found(key: str, value: str) -> list[str]:
        listed = living.ssm.describe_sessions(State="Active", Filters=[{"key": key, "value": value}])["Sessions"]
        return [session["SessionId"] for session in listed]

    assert found("Target", hosts[1].id) == [sessions[1]]
    assert found("Status", "Connecting") == sessions[::-1]
    assert found("Status", "Connected") == []
    assert found("SessionId", sessions[0]) == [sessions[0]]
    assert found("InvokedAfter", "2020-01-01T00:00:00Z") == sessions[::-1]
    page = living.ssm.describe_sessions(State="Active", MaxResults=1)
    assert [session["SessionId"] for session in page["Sessions"]] == [sessions[1]]
    page = living.ssm.describe_sessions(State="Active", MaxResults=1, NextToken=page["NextToken"])
    assert [session["SessionId"] for session in page["Sessions"]] == [sessions[0]]
    assert error_of(living.ssm.resume_session, SessionId="nobody") == "DoesNotExistException"
    assert error_of(living.ssm.terminate_session, SessionId="nobody") == "DoesNotExistException"


def test_only_hosts_with_an_agent_are_connected(living: Living) -> None:
    host = living.launch()
    living.aws.agent_never(host.id)
    assert error_of(living.ssm.start_session, Target=host.id) == "TargetNotConnected"
    assert error_of(living.ssm.start_session, Target="i-0123456789abcdef0") == "TargetNotConnected"
    stopped = living.launch()
    living.stop(stopped.id)
    assert error_of(living.ssm.start_session, Target=stopped.id) == "TargetNotConnected"


def test_an_agent_needs_its_role_for_sessions(living: Living) -> None:
    living.make_profile("commands")
    allowed = {"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    living.clients["iam"].put_role_policy(RoleName="commands", PolicyName="commands", PolicyDocument=policy)
    host = living.launch(IamInstanceProfile={"Name": "commands"})
    assert living.run("true", host.id)["Status"] == "Success"
    assert error_of(living.ssm.start_session, Target=host.id) == "TargetNotConnected"


def test_other_documents_are_refused(living: Living) -> None:
    target = living.launch().id
    start = living.ssm.start_session
    assert error_of(start, Target=target, DocumentName="AWS-StartSSHSession") == "NotImplementedByLocalAws"
    assert error_of(start, Target=target, DocumentName="mine") == "InvalidDocument"
    assert error_of(start, Target=target, Parameters={"command": ["id"]}) == "InvalidParameters"
    assert error_of(start, Target=target, DocumentName="AWS-StartInteractiveCommand") == "InvalidParameters"


def test_a_command_begins_after_the_handshake(living: Living) -> None:
    host = living.launch()
    command = {"DocumentName": "AWS-StartInteractiveCommand", "Parameters": {"command": ["echo begun; cat"]}}
    client = RawClient(start_session(living, host.id, **command))
    (request,) = wait_for(lambda: client.received[:1])
    assert request.payload_type == HANDSHAKE_REQUEST
    (action,) = request.document()["RequestedClientActions"]
    assert action["ActionParameters"]["SessionType"] == "InteractiveCommands"
    assert host.processes() == []
    done = {"ActionType": "SessionType", "ActionStatus": 1, "ActionResult": None, "Error": ""}
    answer = {"ClientVersion": "1.2.0.0", "ProcessedClientActions": [done], "Errors": None}
    client.send(client.next_frame(compact(answer), HANDSHAKE_RESPONSE))
    client.wait_for("begun")
    client.type("\x04")
    client.wait_until_closed()
    assert client.is_closed


def _statement(action: str, resource: str, **condition: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": "Allow", "Action": action, "Resource": resource}
    return found | ({"Condition": {"StringEquals": condition}} if condition else {})


def test_policies_say_who_may_start_sessions_where(living: Living) -> None:
    mine = living.launch("", ("Environment", "dev"))
    other = living.launch("", ("Environment", "prod"))
    start = _statement("ssm:StartSession", "arn:aws:ec2:*:*:instance/*", **{"ssm:resourceTag/Environment": "dev"})
    end = _statement("ssm:TerminateSession", "arn:aws:ssm:*:*:session/tester-*")
    iam = living.clients["iam"]
    iam.create_user(UserName="tester")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [start, end]})
    iam.put_user_policy(UserName="tester", PolicyName="sessions", PolicyDocument=policy)
    key = iam.create_access_key(UserName="tester")["AccessKey"]
    ssm = living.aws.client("ssm", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    session_id = ssm.start_session(Target=mine.id)["SessionId"]
    assert session_id.startswith("tester-")
    assert living.ssm.describe_sessions(State="Active")["Sessions"][0]["Owner"].endswith(":user/tester")
    assert error_of(ssm.start_session, Target=other.id) == "AccessDeniedException"
    named = {"Target": mine.id, "DocumentName": "SSM-SessionManagerRunShell"}
    assert error_of(ssm.start_session, **named) == "AccessDeniedException"
    assert error_of(ssm.resume_session, SessionId=session_id) == "AccessDeniedException"
    assert error_of(ssm.terminate_session, SessionId="other-0") == "AccessDeniedException"
    ssm.terminate_session(SessionId=session_id)


def test_a_frame_is_laid_out_as_aws_has_it() -> None:
    frame = Frame("input_stream_data", b"ls\n", 1, 7)
    data = frame.encode()
    assert (len(data), data[120:]) == (123, b"ls\n")
    assert int.from_bytes(data[0:4], "big") == 116
    assert data[4:36] == b"input_stream_data               "
    assert int.from_bytes(data[36:40], "big") == 1
    assert int.from_bytes(data[48:56], "big") == 7
    assert int.from_bytes(data[56:64], "big") == 0
    assert data[64:80] == frame.id.bytes[8:] + frame.id.bytes[:8]
    assert data[80:112].hex() == "e9fe7e88e89d532379960402db8f9458194dae772aa5fda5a12806c22215f0ff"
    assert int.from_bytes(data[112:116], "big") == 1
    assert int.from_bytes(data[116:120], "big") == 3


def test_a_reset_ends_every_session(living: Living) -> None:
    host = living.launch()
    client = RawClient(start_session(living, host.id))
    client.wait_for("sh-")
    living.aws.reset()
    client.wait_until_closed()
    assert (living.aws.sessions(), host.processes()) == ([], [])
