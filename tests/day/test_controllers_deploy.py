# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How site.yml deploys the controllers, keeps them, and takes over those of the old stack."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.day.controllers import FUNCTIONS, ROLES, Controllers, EventRule
from tests.integration.account import Account
from tests.local_aws import LocalAws
from tests.playbook import REPOSITORY, Site, run_playbook

pytestmark = pytest.mark.xdist_group("controllers_deploy")

START = "alpaca-websocket-lambda-daily-9am-est-qa"
SHUTDOWN = "trading-server-shutdown-schedule-qa"
EARLY_SHUTDOWN = "trading-server-shutdown-early-schedule-qa"
YEARS = [2026, 2027]
WORKLOAD = {"TRADING_TRADER_COMMAND": "bash -c 'echo $(hostname)'", "TRADING_UPLOAD_SECONDS": "60"}
ARGUMENTS = ("-e", json.dumps({"controllers_calendar_years": YEARS, "trading_workload": WORKLOAD}))
CHAIN = "alpaca-websocket-invoke-trading-qa"
WIDE = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture(scope="module")
def deployed() -> Iterator[Controllers]:
    """The controllers as the playbook deploys them. Tests leave them as they were, as a deployment takes its time."""
    with LocalAws() as aws:
        Account(aws).seed("qa", models=1)
        run = run_playbook("qa", aws.environ, *ARGUMENTS)
        assert run.status == 0, run.output
        yield Controllers(aws)


@pytest.fixture
def controllers(account: Account) -> Controllers:
    account.seed("qa", models=1)
    return Controllers(account.aws)


def test_a_zip_holds_what_the_function_needs_and_no_more(deployed: Controllers) -> None:
    shared = (
        "__init__ aws clock commands health hosts invocation labels log market orders outcomes progress run_output "
        "script settings starter steps stopper"
    )
    wanted = {"lambda_function.py", "run.sh", *(f"trading_common/{name}.py" for name in shared.split())}
    for name, digest in deployed.digests().items():
        content = deployed.package(name)
        assert base64.b64encode(hashlib.sha256(content).digest()).decode() == digest
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            files = {entry: package.read(entry) for entry in package.namelist()}
        assert files.keys() == wanted
        assert files["run.sh"].startswith(b"#!")


def test_a_second_run_changes_nothing_and_no_run_publishes_a_version(deployed: Controllers) -> None:
    versions, digests = deployed.versions(), deployed.digests()
    assert set(map(tuple, versions.values())) == {("$LATEST",)}
    aws = deployed.aws
    aws.forget_calls()
    # As a fresh checkout of the same commit has it.
    for source in (REPOSITORY / "files").rglob("*"):
        source.touch()

    run = run_playbook("qa", aws.environ, *ARGUMENTS)
    assert (run.status, run.changed) == (0, 0), run.output
    assert Account(aws).mutating_calls() == []
    assert deployed.versions() == versions
    assert deployed.digests() == digests


def test_the_environment_starts_on_weekdays_and_stops_each_day(deployed: Controllers) -> None:
    told = {"scheduled_time": "<aws.scheduler.scheduled-time>"}
    wanted: dict[str, tuple[str, int, int, dict[str, Any]]] = {
        START: ("cron(30 8 ? * MON-FRI *)", 3600, 10, told),
        SHUTDOWN: ("cron(5 16 ? * * *)", 21600, 185, told),
        EARLY_SHUTDOWN: ("cron(5 13 ? * * *)", 21600, 185, told | {"only_on_early_close": True}),
    }
    for name, (cron, age, attempts, event) in wanted.items():
        schedule = deployed.schedule(name)
        assert (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]) == (cron, "America/New_York")
        retries = {"MaximumEventAgeInSeconds": age, "MaximumRetryAttempts": attempts}
        assert schedule["Target"]["RetryPolicy"] == retries
        assert json.loads(schedule["Target"]["Input"]) == event


def test_the_functions_know_the_exchanges_calendar(deployed: Controllers) -> None:
    for name in FUNCTIONS.values():
        variables = deployed.configuration(name)["Environment"]["Variables"]
        calendar = json.loads(variables["MARKET_CALENDAR"])
        assert calendar["years"] == YEARS
        assert {"2026-11-26", "2027-07-05"} <= set(calendar["closed"])
        assert calendar["early"] == ["2026-11-27", "2026-12-24", "2027-11-26"]
        assert len(variables["MARKET_CALENDAR"]) < 1000
        assert len(json.dumps(variables)) < 4096


def test_the_functions_are_told_of_the_workload(deployed: Controllers) -> None:
    for name in FUNCTIONS.values():
        variables = deployed.configuration(name)["Environment"]["Variables"]
        assert json.loads(variables["WORKLOAD"]) == WORKLOAD
        assert variables.get("NATS_SECRET_ID") == "trading/nats-qa"


@pytest.mark.parametrize("name", ["TRADING_CHECK", "TRADING_GIT_REF", "TRADING_UPLOAD_SECOND", "PATH"])
def test_what_is_no_variable_of_the_workload_is_refused_before_anything_is_made(
    account: Account, aws: LocalAws, name: str
) -> None:
    account.seed("qa", models=1)
    aws.forget_calls()
    run = run_playbook("qa", aws.environ, "-e", json.dumps({"trading_workload": {name: "1"}}))
    assert run.status != 0
    assert name in run.output.rpartition("fatal: ")[2]
    assert account.mutating_calls() == []


def test_more_variables_than_a_function_has_room_for_are_refused_before_anything_is_made(
    account: Account, aws: LocalAws
) -> None:
    account.seed("qa", models=1)
    aws.forget_calls()
    long = {"trading_workload": {"TRADING_TRADER_COMMAND": "x" * 4000}}
    run = run_playbook("qa", aws.environ, "-e", json.dumps(long))
    assert run.status != 0
    assert "bytes of environment_variables, and Lambda takes 4096: shorten them" in " ".join(run.output.split())
    assert account.mutating_calls() == []


def test_the_old_stacks_controllers_are_taken_over_in_place(
    controllers: Controllers, account: Account, site: Site
) -> None:
    _build_old_controllers(controllers, account)
    arns, role_ids, digests = controllers.arns(), _role_ids(account), controllers.digests()
    rule = EventRule(account.aws, SHUTDOWN)
    assert rule.targets() == [arns[FUNCTIONS["shutdown"]]]
    assert "AllowExecutionFromEventBridge" in controllers.permissions(FUNCTIONS["shutdown"])

    site("qa")

    assert not rule.exists()
    assert controllers.permissions(FUNCTIONS["shutdown"]) == {"SomebodyElse"}
    assert controllers.arns() == arns
    assert _role_ids(account) == role_ids
    for name, old in digests.items():
        configuration = controllers.configuration(name)
        assert configuration["CodeSha256"] != old
        assert (configuration["Runtime"], configuration["Timeout"]) == ("python3.13", 900)
        assert "OLD" not in configuration["Environment"]["Variables"]
    for kind, role_name in ROLES.items():
        role = account.role(role_name)
        assert WIDE not in role.inline.values(), f"{role_name} still may everything"
        assert [arn.split("/")[-1] for arn in role.managed] == [role_name.replace("_role_", "_policy_")]
        assert controllers.managed_document(role.managed[0]) != WIDE, kind
    assert controllers.schedule(SHUTDOWN)["Target"]["Arn"] == arns[FUNCTIONS["shutdown"]]

    account.aws.forget_calls()
    assert site("qa").changed == 0
    assert account.mutating_calls() == []


def test_without_automation_the_functions_and_the_shutdown_stay(
    controllers: Controllers, account: Account, site: Site
) -> None:
    site("qa")
    digests, roles = controllers.digests(), _role_ids(account)
    assert controllers.destinations(FUNCTIONS["ingest"])["OnSuccess"]

    off = ("-e", "trading_automation=false")
    account.aws.forget_calls()
    announced = site("qa", *off, "--check")
    assert announced.changed > 0
    assert account.mutating_calls() == []
    assert site("qa", *off).changed == announced.changed
    scheduler = account.aws.client("scheduler")
    assert [each["Name"] for each in scheduler.list_schedules()["Schedules"]] == [EARLY_SHUTDOWN, SHUTDOWN]
    assert not controllers.destinations(FUNCTIONS["ingest"])["OnSuccess"]
    assert CHAIN not in account.role(ROLES["ingest"]).inline
    assert (controllers.digests(), _role_ids(account)) == (digests, roles)


def _build_old_controllers(controllers: Controllers, account: Account) -> None:
    """What Terraform left: short time limits, wide policies, and a rule by which EventBridge stopped the servers."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("lambda_function.py", "def lambda_handler(event, context):\n    return 'old'\n")
    for kind, role in ROLES.items():
        arn = account.iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        account.iam.put_role_policy(RoleName=role, PolicyName="everything", PolicyDocument=json.dumps(WIDE))
        policy = role.replace("_role_", "_policy_")
        made = account.iam.create_policy(PolicyName=policy, PolicyDocument=json.dumps(WIDE))
        account.iam.attach_role_policy(RoleName=role, PolicyArn=made["Policy"]["Arn"])
        controllers.functions.create_function(
            FunctionName=FUNCTIONS[kind],
            Role=arn,
            Runtime="python3.12",
            Handler="lambda_function.lambda_handler",
            Timeout=300,
            Environment={"Variables": {"OLD": "yes", "MAX_RETRIES": "5"}},
            Code={"ZipFile": packed.getvalue()},
        )
    rule = EventRule(account.aws, SHUTDOWN)
    rule.create("cron(5 21 ? * MON-FRI *)", controllers.arns()[FUNCTIONS["shutdown"]])
    for statement, source in (("AllowExecutionFromEventBridge", rule.arn), ("SomebodyElse", f"{rule.arn}-of-others")):
        controllers.functions.add_permission(
            FunctionName=FUNCTIONS["shutdown"],
            StatementId=statement,
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=source,
        )


def _role_ids(account: Account) -> dict[str, str]:
    return {name: account.iam.get_role(RoleName=name)["Role"]["RoleId"] for name in ROLES.values()}


def test_check_mode_announces_everything_and_makes_nothing(
    controllers: Controllers, account: Account, site: Site
) -> None:
    account.aws.forget_calls()
    run = site("qa", "--check", "--diff")
    assert account.mutating_calls() == []
    assert controllers.functions.list_functions()["Functions"] == []

    tasks = _tasks(run.output)
    announced = {
        "schedules : Set the schedules": [START, SHUTDOWN, EARLY_SHUTDOWN],
    }
    for task, items in announced.items():
        for item in items:
            assert f"changed: [localhost] => (item={item})" in tasks[task], f"{task} does not announce {item}"
    for name in ROLES.values():
        for resource in (f"IAM role {name}", f"IAM policy {name.replace('_role_', '_policy_')}"):
            assert resource in tasks["iam : Have the roles with their policies and instance profiles"]
    deployed = tasks["controllers : Have the functions with their logs, and say what becomes of each event"]
    for name in FUNCTIONS.values():
        for resource in (f"Lambda function {name}", f"log group /aws/lambda/{name}", f"event invoke config {name}"):
            assert re.search(rf"^\+ +{resource}:$", deployed, re.MULTILINE), f"{resource} is not announced"
    assert "trading-alerts-qa" in tasks["controllers : Have the topic of alerts"]


def test_destroy_takes_away_what_was_deployed_and_nothing_of_others(
    controllers: Controllers, account: Account, tmp_path: Path
) -> None:
    aws = account.aws
    deploy = _playbook(tmp_path / "deploy.yml", ("iam", "main"), ("controllers", "main"), ("schedules", "main"))
    destroy = _playbook(tmp_path / "destroy.yml", ("schedules", "destroy"), ("controllers", "destroy"))
    run = run_playbook("qa", aws.environ, "-e", '{"trading_alert_emails": ["me@example.com"]}', playbook=deploy)
    assert run.status == 0, run.output
    aws.client("logs").create_log_group(logGroupName="/aws/lambda/TradingServerLambda_qa-of-others")
    others = aws.client("sns").create_topic(Name="trading-alerts-prod")["TopicArn"]

    aws.forget_calls()
    announced = run_playbook("qa", aws.environ, "--check", playbook=destroy)
    assert (announced.status, announced.changed) == (0, 3), announced.output
    assert account.mutating_calls() == []

    for changes in (3, 0):
        run = run_playbook("qa", aws.environ, playbook=destroy)
        assert (run.status, run.changed) == (0, changes), run.output
        assert controllers.functions.list_functions()["Functions"] == []
        assert aws.client("scheduler").list_schedules()["Schedules"] == []
        assert [topic["TopicArn"] for topic in aws.client("sns").list_topics()["Topics"]] == [others]
        groups = aws.client("logs").describe_log_groups()["logGroups"]
        assert [group["logGroupName"] for group in groups] == ["/aws/lambda/TradingServerLambda_qa-of-others"]


def _playbook(path: Path, *roles: tuple[str, str]) -> str:
    """Write a playbook of entry points of roles, and return its path."""
    tasks = [
        {
            "name": f"{entry_point} of {role}",
            "ansible.builtin.include_role": {"name": f"algotrading.aws.{role}", "tasks_from": entry_point},
        }
        for role, entry_point in roles
    ]
    path.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    return str(path)


def _tasks(output: str) -> dict[str, str]:
    """What each task of the collection's roles printed."""
    parts = re.split(r"^TASK \[(?:algotrading\.aws\.)?(.*)\] \**$", output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
