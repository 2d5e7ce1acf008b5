# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lambda functions that really run."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import time
import zipfile
from datetime import timedelta
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
from werkzeug.datastructures import Headers

from tests.local_aws import LocalAws
from tests.local_aws.account import Account
from tests.local_aws.errors import AwsError
from tests.local_aws.functions.rules import code as check_code
from tests.local_aws.messages import AwsRequest
from tests.selftest.function_helpers import BROKEN, ECHO, Workshop, document, make_role, unchecked, zip_of
from tests.selftest.helpers import error_of


@pytest.fixture
def workshop(aws: LocalAws) -> Workshop:
    aws.scale_waits(0.001)
    return Workshop(aws, aws.client("lambda"))


def test_the_handler_sees_its_event_its_context_and_lambdas_environment(workshop: Workshop) -> None:
    source = """
        import os

        def lambda_handler(event, context):
            left = context.get_remaining_time_in_millis()
            names = ("aws_request_id", "function_name", "invoked_function_arn", "memory_limit_in_mb", "log_group_name")
            return {"event": event, "left": left, "environ": dict(os.environ),
                    "context": [getattr(context, name) for name in names]}
    """
    arn = workshop.make("f", source, Timeout=9, Environment={"Variables": {"GREETING": "ho$(la)"}})
    answer, result = workshop.call("f", {"a": [1, "é"]})
    assert (answer["StatusCode"], answer["ExecutedVersion"], "FunctionError" in answer) == (200, "$LATEST", False)
    assert result["event"] == {"a": [1, "é"]}
    assert 5000 < result["left"] <= 9000
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert result["context"] == [request_id, "f", arn, "128", "/aws/lambda/f"]
    environ = result["environ"]
    assert environ["GREETING"] == "ho$(la)"
    assert environ["AWS_ENDPOINT_URL"] == workshop.aws.endpoint_url
    assert (environ["AWS_REGION"], environ["AWS_DEFAULT_REGION"]) == ("us-east-1", "us-east-1")
    assert environ["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert {"VIRTUAL_ENV", "PYTHONPATH", "USER"}.isdisjoint(environ)


def test_it_acts_as_its_role(workshop: Workshop) -> None:
    source = """
        import boto3

        def lambda_handler(event, context):
            arn = boto3.client("sts").get_caller_identity()["Arn"]
            try:
                boto3.client("s3").list_buckets()
            except Exception as error:
                return [arn, error.response["Error"]["Code"]]
    """
    workshop.make("f", source)
    arn, code = workshop.call("f")[1]
    assert ":assumed-role/f-role/" in arn
    assert code == "AccessDenied"


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("def lambda_handler(e, c):\n    raise KeyError('x')", "KeyError", "'x'"),
        ("import nowhere", "Runtime.ImportModuleError", "Unable to import module 'lambda_function': No module"),
        ("x = 1", "Runtime.HandlerNotFound", "Handler 'lambda_handler' missing on module 'lambda_function'"),
        ("def lambda_handler(e, c):\n    return {1, 2}", "Runtime.MarshalError", "Unable to marshal response"),
        ("import sys\ndef lambda_handler(e, c):\n    sys.exit(3)", "Runtime.ExitError", "exit status 3"),
        ("def broken(:", "Runtime.UserCodeSyntaxError", "Syntax error in module 'lambda_function'"),
    ],
)
def test_failures_look_as_on_aws(workshop: Workshop, source: str, kind: str, message: str) -> None:
    workshop.make("f", source)
    answer, error = workshop.call("f")
    assert (answer["StatusCode"], answer["FunctionError"], error["errorType"]) == (200, "Unhandled", kind)
    assert message in error["errorMessage"]
    if kind == "KeyError":
        assert error["stackTrace"][0].startswith('  File "/var/task/lambda_function.py", line 2, in lambda_handler')


def test_the_time_limit_kills_it_and_what_it_started(workshop: Workshop) -> None:
    source = """
        import subprocess, time

        def lambda_handler(event, context):
            print("pid", subprocess.Popen(["sleep", "60"]).pid, flush=True)
            time.sleep(60)
    """
    workshop.make("f", source, Timeout=2)
    error = workshop.call("f")[1]
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Error: Task timed out after 2.00 seconds")
    record = workshop.aws.invocations("f")[0]
    assert "Task timed out" in record.log
    pid = int(record.log.split("pid ")[1].split()[0])
    assert _is_gone(pid)


def test_a_test_can_let_its_time_be_over(workshop: Workshop) -> None:
    workshop.make("f", "import time\n\ndef lambda_handler(event, context):\n    time.sleep(60)", Timeout=300)
    workshop.aws.client("lambda").invoke(FunctionName="f", InvocationType="Event")
    while not workshop.aws.invocations("f"):
        time.sleep(0.02)
    workshop.aws.time_out("f")
    while not (error := workshop.aws.invocations("f")[0].error):
        time.sleep(0.02)
    assert error["errorMessage"].endswith("Error: Task timed out after 300.00 seconds")


def _is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - not a file of ours
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def test_what_it_prints_is_in_the_answer_in_cloudwatch_and_in_the_record(workshop: Workshop) -> None:
    source = """
        import logging

        def lambda_handler(event, context):
            print("printed")
            logging.getLogger().setLevel(logging.INFO)
            logging.info("logged")
    """
    workshop.make("f", source)
    answer, _ = workshop.call("f", LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert tail.startswith("START RequestId: ")
    assert "\nprinted\n" in tail
    assert "[INFO]\t" in tail
    assert "\tlogged\n" in tail
    events = workshop.aws.client("logs").filter_log_events(logGroupName="/aws/lambda/f")["events"]
    assert "printed" in [event["message"] for event in events]
    assert workshop.aws.invocations("f")[0].log == tail


def test_a_role_that_may_not_log_leaves_no_log(workshop: Workshop) -> None:
    workshop.make("f", ECHO)
    workshop.aws.client("iam").detach_role_policy(
        RoleName="f-role", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    )
    workshop.call("f")
    assert workshop.aws.client("logs").describe_log_groups()["logGroups"] == []


def test_the_code_is_what_was_deployed_last(workshop: Workshop) -> None:
    functions = workshop.functions
    workshop.make("f", "def lambda_handler(e, c):\n    return 1")
    first = functions.publish_version(FunctionName="f")["Version"]
    packed = zip_of("def lambda_handler(e, c):\n    import other\n    return other.VALUE", **{"other.py": "VALUE = 2"})
    updated = functions.update_function_code(FunctionName="f", ZipFile=packed)
    assert updated["CodeSha256"] == base64.b64encode(hashlib.sha256(packed).digest()).decode()
    assert workshop.call("f")[1] == 2
    assert workshop.call("f", Qualifier=first)[1] == 1
    assert workshop.call("f:1")[1] == 1


def test_a_version_is_published_only_when_something_changed(workshop: Workshop) -> None:
    functions = workshop.functions
    workshop.make("f", ECHO)
    assert functions.publish_version(FunctionName="f")["Version"] == "1"
    assert functions.publish_version(FunctionName="f")["Version"] == "1"
    again = functions.update_function_code(FunctionName="f", ZipFile=zip_of(ECHO), Publish=True)
    assert again["Version"] == "1"
    functions.update_function_configuration(FunctionName="f", Timeout=10)
    assert functions.publish_version(FunctionName="f")["Version"] == "2"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Role": "arn:aws:iam::123456789012:role/none"}, "InvalidParameterValueException"),
        ({"Timeout": 901}, "ValidationException"),
        ({"MemorySize": 64}, "ValidationException"),
        ({"Runtime": "python3.8"}, "InvalidParameterValueException"),
        ({"Runtime": "nodejs22.x"}, "NotImplementedByLocalAws"),
        ({"Environment": {"Variables": {"LONG": "x" * 4096}}}, "InvalidParameterValueException"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException"),
        ({"Environment": {"Variables": {"A-B": "x"}}}, "ValidationException"),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:sns:us-east-1:123456789012:t"}}, "NotImplementedByLocalAws"),
        ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException"),
    ],
)
def test_limits_of_a_function(workshop: Workshop, changes: dict[str, Any], code: str) -> None:
    good = {
        "FunctionName": "f",
        "Runtime": "python3.13",
        "Handler": "lambda_function.lambda_handler",
        "Role": make_role(workshop.aws, "role", "lambda.amazonaws.com"),
        "Code": {"ZipFile": zip_of(ECHO)},
    }
    assert error_of(unchecked(workshop.aws, "lambda").create_function, **(good | changes)) == code


def test_a_zip_has_50_megabytes_at_most() -> None:
    request = AwsRequest("POST", "/", Headers(), service="lambda", operation="UpdateFunctionCode")
    request.params = {"ZipFile": bytes(50 * 1024 * 1024 + 1)}
    with pytest.raises(AwsError) as caught:
        check_code(request, Account("us-east-1"))
    assert caught.value.code == "RequestEntityTooLargeException"


def test_the_deployed_zip_can_be_fetched(workshop: Workshop) -> None:
    workshop.make("f", ECHO)
    workshop.functions.publish_version(FunctionName="f")
    for qualifier in ("$LATEST", "1"):
        url = workshop.functions.get_function(FunctionName="f", Qualifier=qualifier)["Code"]["Location"]
        with build_opener(ProxyHandler({})).open(url) as answer:
            packed = io.BytesIO(answer.read())
        with zipfile.ZipFile(packed) as archive:
            assert archive.namelist() == ["lambda_function.py"]


def test_a_role_must_trust_lambda(workshop: Workshop) -> None:
    workshop.make("f", ECHO)
    role = make_role(workshop.aws, "other", "ec2.amazonaws.com")
    call = workshop.functions.update_function_configuration
    assert error_of(call, FunctionName="f", Role=role) == "InvalidParameterValueException"


def test_invoke_refuses_what_aws_refuses(workshop: Workshop) -> None:
    workshop.make("f", ECHO)
    invoke = workshop.functions.invoke
    assert error_of(invoke, FunctionName="g") == "ResourceNotFoundException"
    assert error_of(invoke, FunctionName="f", Qualifier="7") == "ResourceNotFoundException"
    assert error_of(invoke, FunctionName="f", Payload=b"{") == "InvalidRequestContentException"
    assert error_of(invoke, FunctionName="f", InvocationType="Event", Payload=json.dumps("x" * 2**20)) == (
        "RequestTooLargeException"
    )
    assert invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    assert workshop.aws.invocations("f") == []


def test_a_statement_id_is_given_once(workshop: Workshop) -> None:
    workshop.make("f", ECHO)
    permission = {"FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction"}
    workshop.functions.add_permission(**permission, Principal="events.amazonaws.com")
    error = error_of(workshop.functions.add_permission, **permission, Principal="events.amazonaws.com")
    assert error == "ResourceConflictException"


def test_invocations_run_side_by_side_and_other_calls_meanwhile(workshop: Workshop) -> None:
    source = """
        import boto3, time

        def lambda_handler(event, context):
            functions = boto3.client("lambda")
            while functions.get_function(FunctionName="f")["Configuration"]["Description"] != "go":
                time.sleep(0.02)
    """
    workshop.make("f", source, ("lambda:GetFunction", "*"), Timeout=20)
    threads = [threading.Thread(target=workshop.call, args=("f",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    workshop.functions.update_function_configuration(FunctionName="f", Description="go")
    for thread in threads:
        thread.join(10)
    assert all(record.error is None for record in workshop.aws.invocations("f"))


def test_a_reset_ends_what_runs(workshop: Workshop) -> None:
    workshop.make("f", "import time\ndef lambda_handler(e, c):\n    time.sleep(60)", Timeout=100)
    workshop.send("f")
    workshop.aws.reset()
    workshop.aws.wait_until_idle(5)
    assert workshop.aws.invocations("f") == []
    assert workshop.functions.list_functions()["Functions"] == []


def test_an_event_that_fails_is_tried_again_twice(workshop: Workshop) -> None:
    workshop.make("f", BROKEN)
    request_id = workshop.send("f", {"n": 1})
    workshop.aws.wait_until_idle()
    records = workshop.aws.invocations("f")
    assert [(record.request_id, record.payload) for record in records] == [(request_id, {"n": 1})] * 3
    assert all(record.error and record.error["errorType"] == "ValueError" for record in records)


def _retries(workshop: Workshop, name: str, retries: int, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = workshop.functions.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=retries, **more
    )
    return answer


def test_a_success_goes_down_the_chain_with_the_real_record(workshop: Workshop) -> None:
    second = workshop.make("second", ECHO)
    first = workshop.make(
        "first", "def lambda_handler(e, c):\n    return {'got': e}", ("lambda:InvokeFunction", second)
    )
    _retries(workshop, "first", 0, DestinationConfig={"OnSuccess": {"Destination": second}})
    request_id = workshop.send("first", {"n": 1})
    workshop.aws.wait_until_idle()
    record = workshop.aws.invocations("second")[0].payload
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{first}:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"n": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"got": {"n": 1}},
    }


def test_a_failure_goes_to_a_topic_and_to_a_queue(workshop: Workshop) -> None:
    aws = workshop.aws
    topic = aws.client("sns").create_topic(Name="alerts")["TopicArn"]
    queue = aws.client("sqs").create_queue(QueueName="queue")["QueueUrl"]
    queue_arn = "arn:aws:sqs:us-east-1:123456789012:queue"
    for name, action, destination in (("a", "sns:Publish", topic), ("b", "sqs:SendMessage", queue_arn)):
        workshop.make(name, BROKEN, (action, destination))
        _retries(workshop, name, 1, DestinationConfig={"OnFailure": {"Destination": destination}})
        workshop.send(name)
    aws.wait_until_idle()
    published = json.loads(aws.sns_messages(topic)[0]["message"])
    sent = json.loads(aws.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"])
    for record in (published, sent):
        assert record["requestContext"]["condition"] == "RetriesExhausted"
        assert record["requestContext"]["approximateInvokeCount"] == 2
        assert record["responseContext"]["functionError"] == "Unhandled"
        assert record["responsePayload"]["errorMessage"] == "no"


def test_an_event_that_is_too_old_is_given_up(workshop: Workshop) -> None:
    topic = workshop.aws.client("sns").create_topic(Name="alerts")["TopicArn"]
    workshop.make("f", BROKEN, ("sns:Publish", topic))
    _retries(workshop, "f", 2, MaximumEventAgeInSeconds=100, DestinationConfig={"OnFailure": {"Destination": topic}})
    workshop.send("f")
    workshop.aws.wait_until_idle()
    # After the first minute it is 60 seconds old, after two more 180.
    assert len(workshop.aws.invocations("f")) == 2
    record = json.loads(workshop.aws.sns_messages(topic)[0]["message"])
    assert record["requestContext"]["condition"] == "EventAgeExceeded"


def test_setting_the_clock_forward_ends_the_waits(workshop: Workshop) -> None:
    workshop.aws.scale_waits(1)
    workshop.make("f", BROKEN)
    _retries(workshop, "f", 1)
    workshop.send("f")
    deadline = time.monotonic() + 20
    while not [record for record in workshop.aws.invocations("f") if record.ended] and time.monotonic() < deadline:
        time.sleep(0.02)
    with pytest.raises(TimeoutError, match=r"f: .*, \d attempts"):
        workshop.aws.wait_until_idle(0.1)
    workshop.aws.advance(timedelta(minutes=1))
    workshop.aws.wait_until_idle()
    assert len(workshop.aws.invocations("f")) == 2


def test_a_destination_needs_the_roles_permission(workshop: Workshop) -> None:
    aws = workshop.aws
    topic = aws.client("sns").create_topic(Name="alerts")["TopicArn"]
    workshop.make("f", BROKEN)
    config = {"OnFailure": {"Destination": topic}}
    put = workshop.functions.put_function_event_invoke_config
    assert error_of(put, FunctionName="f", DestinationConfig=config) == "InvalidParameterValueException"
    iam = aws.client("iam")
    allowed = document({"Effect": "Allow", "Action": "sns:Publish", "Resource": topic})
    iam.put_role_policy(RoleName="f-role", PolicyName="publish", PolicyDocument=allowed)
    put(FunctionName="f", MaximumRetryAttempts=0, DestinationConfig=config)
    iam.delete_role_policy(RoleName="f-role", PolicyName="publish")
    workshop.send("f")
    aws.wait_until_idle()
    assert aws.sns_messages(topic) == []
    assert [(lost.function, lost.destination) for lost in aws.undelivered()] == [("f", topic)]


def test_an_event_can_come_twice(workshop: Workshop) -> None:
    workshop.make("f", ECHO)
    workshop.aws.duplicate_next_event("f")
    request_ids = [workshop.send("f"), workshop.send("f")]
    workshop.aws.wait_until_idle()
    seen = sorted(record.request_id for record in workshop.aws.invocations("f"))
    assert seen == sorted([request_ids[0], *request_ids])


def test_put_replaces_the_config_and_update_does_not(workshop: Workshop) -> None:
    arn = workshop.make("f", ECHO)
    get = workshop.functions.get_function_event_invoke_config
    assert error_of(get, FunctionName="f") == "ResourceNotFoundException"
    _retries(workshop, "f", 1, MaximumEventAgeInSeconds=60)
    workshop.functions.update_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
    config = get(FunctionName="f")
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 60)
    assert config["FunctionArn"] == f"{arn}:$LATEST"
    assert config["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}
    workshop.functions.put_function_event_invoke_config(FunctionName="f", MaximumEventAgeInSeconds=90)
    assert "MaximumRetryAttempts" not in get(FunctionName="f")
    assert (
        len(workshop.functions.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"]) == 1
    )
    workshop.functions.delete_function_event_invoke_config(FunctionName="f")
    assert error_of(get, FunctionName="f") == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"MaximumRetryAttempts": 3}, "ValidationException"),
        ({"MaximumEventAgeInSeconds": 59}, "ValidationException"),
        ({"MaximumEventAgeInSeconds": 21601}, "ValidationException"),
        ({}, "InvalidParameterValueException"),
        ({"DestinationConfig": {"OnSuccess": {"Destination": "arn:aws:ec2:x:1:y"}}}, "InvalidParameterValueException"),
    ],
)
def test_limits_of_the_config(workshop: Workshop, config: dict[str, Any], code: str) -> None:
    workshop.make("f", ECHO)
    put = unchecked(workshop.aws, "lambda").put_function_event_invoke_config
    assert error_of(put, FunctionName="f", **config) == code
