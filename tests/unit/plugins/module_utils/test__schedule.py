# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the local AWS does not model of schedules: other targets than functions, and dead letters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._schedule import from_aws, merge, to_aws

NOW = datetime(2026, 2, 2, 13, 30, tzinfo=UTC)
ROLE = "arn:aws:iam::123456789012:role/scheduler"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:report"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:reports.fifo"
OPTIONS = (
    "schedule_expression",
    "schedule_expression_timezone",
    "flexible_time_window",
    "target",
    "description",
    "enabled",
    "start_date",
    "end_date",
    "kms_key_arn",
    "action_after_completion",
)


def described(target: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What GetSchedule returns."""
    return {
        "ScheduleExpression": "rate(1 hour)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "State": "ENABLED",
        "Target": {"Arn": QUEUE, "RoleArn": ROLE, **target},
        **more,
    }


def merged(before: dict[str, Any], **given: Any) -> dict[str, Any]:
    """What UpdateSchedule is asked for some options."""
    return to_aws(merge(from_aws(before, NOW), {**dict.fromkeys(OPTIONS), **given}, NOW))


def test_parameters_without_an_option_are_kept() -> None:
    before = described({"SqsParameters": {"MessageGroupId": "reports"}})
    target = merged(before, description="another")["Target"]
    assert target["SqsParameters"] == {"MessageGroupId": "reports"}


def test_parameters_without_an_option_go_with_their_target() -> None:
    before = described({"SqsParameters": {"MessageGroupId": "reports"}})
    target = merged(before, target={"arn": FUNCTION})["Target"]
    assert (target["Arn"], target["RoleArn"]) == (FUNCTION, ROLE)
    assert "SqsParameters" not in target


def test_dead_letters_are_kept_and_removed() -> None:
    before = described({"DeadLetterConfig": {"Arn": f"{QUEUE}-2"}})
    assert merged(before, enabled=False)["Target"]["DeadLetterConfig"] == {"Arn": f"{QUEUE}-2"}
    assert merged(before, target={"dead_letter_arn": QUEUE})["Target"]["DeadLetterConfig"] == {"Arn": QUEUE}
    assert "DeadLetterConfig" not in merged(before, target={"dead_letter_arn": ""})["Target"]


def test_a_key_is_kept_and_removed() -> None:
    before = described({}, KmsKeyArn="arn:aws:kms:us-east-1:123456789012:key/1")
    assert merged(before)["KmsKeyArn"] == before["KmsKeyArn"]
    assert "KmsKeyArn" not in merged(before, kms_key_arn="")


def test_input_that_is_no_json_is_compared_as_it_is() -> None:
    before = described({"Input": "a text"})
    assert merged(before, target={"input": "a text"})["Target"]["Input"] == "a text"
    assert merged(before, target={"input": "another"})["Target"]["Input"] == "another"


def test_input_stays_in_its_own_words_while_it_means_the_same() -> None:
    before = described({"Input": '{"b":1, "a":2}'})
    assert merged(before, target={"input": {"a": 2, "b": 1}})["Target"]["Input"] == '{"b":1, "a":2}'


def test_what_aws_leaves_out_is_its_default() -> None:
    update = merged(described({}))
    assert update["ScheduleExpressionTimezone"] == "UTC"
    assert update["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert (update["State"], update["ActionAfterCompletion"]) == ("ENABLED", "NONE")
    assert {"Description", "StartDate", "EndDate", "KmsKeyArn"}.isdisjoint(update)


def test_a_start_that_has_passed_is_not_sent_again() -> None:
    passed, later = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    assert "StartDate" not in merged(described({}, StartDate=passed, EndDate=later))
    assert merged(described({}, StartDate=later))["StartDate"] == later
