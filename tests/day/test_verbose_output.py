# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the playbooks print with -vvv and more tells no secret, as AWX keeps it, and people paste it into tickets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.day.trading_day import Day, seeded_day
from tests.playbook import run_playbook

# What opens a session or a file in the bucket is made anew each time, and known by what stands before it.
OPENS = re.compile(
    r"""(?:TokenValue[\\"': ]+|X-Amz-Signature=|X-Amz-Security-Token=|[?&]Signature=)(?![\\"': *])[^\s'"]+""",
    re.IGNORECASE,
)
ARGUMENTS = ("-e", "trading_nats_auth=token", "-e", "trading_automation=false", "-e", "controllers_timeout=180")
TRUST = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@dataclass
class Operator:
    """A person with temporary keys, as a login through SSO gives them."""

    day: Day
    keys: dict[str, str]

    def play(self, playbook: str, *arguments: str) -> str:
        """Run a playbook as this person, and return all that it printed."""
        environ = self.day.aws.environ | {
            "AWS_ACCESS_KEY_ID": self.keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": self.keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": self.keys["SessionToken"],
        }
        run = run_playbook("qa", environ, *self.day.arguments, *ARGUMENTS, "--diff", *arguments, playbook=playbook)
        assert run.status == 0, run.output
        return run.output

    def secrets(self) -> dict[str, str]:
        manager = self.day.aws.client("secretsmanager")
        return {
            "the workload's credential": self.day.credential(),
            "NATS's token": manager.get_secret_value(SecretId="trading/nats-qa")["SecretString"],
            "the secret key": self.keys["SecretAccessKey"],
            "the session token": self.keys["SessionToken"],
        }


@pytest.fixture
def operator(host_programs: None, tmp_path: Path) -> Iterator[Operator]:
    with seeded_day(tmp_path, "qa", 1) as day:
        arn = _make_role(day)
        keys = day.aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="operator")["Credentials"]
        yield Operator(day, keys)


def _make_role(day: Day) -> str:
    iam = day.aws.client("iam")
    trust, everything = (json.dumps({"Version": "2012-10-17", "Statement": [each]}) for each in (TRUST, ALL))
    arn: str = iam.create_role(RoleName="operator", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="operator", PolicyName="all", PolicyDocument=everything)
    return arn


def test_no_secret_is_printed(operator: Operator) -> None:
    """Seen to fail with the masks of plugins/connection/aws_ssm.py taken away.

    run.yml then shows the session token in the URL of each file, and what opens the session.
    """
    printed = {
        "site.yml": operator.play("site.yml", "-vvv"),
        "start.yml": operator.play("playbooks/start.yml", "-vvv"),
        "run.yml": operator.play("playbooks/run.yml", "-vvvv"),
        "status.yml": operator.play("playbooks/status.yml", "-vvv"),
        "stop.yml": operator.play("playbooks/stop.yml", "-vvv"),
    }
    for playbook, text in printed.items():
        assert "task path: " in text, f"{playbook} was not verbose"
        for name, secret in operator.secrets().items():
            forms = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
            assert not [form for form in forms if form in text], f"{playbook} prints {name}"
        assert OPENS.findall(text) == [], f"{playbook} prints what opens a session or a file"
    assert "SSM COMMAND" in printed["run.yml"]
    assert "X-Amz-Signature=***" in printed["run.yml"]
