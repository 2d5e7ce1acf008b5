# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module alerts_topic."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.modules import alerts_topic

from tests.unit.plugins.support import Account, Disturbance, Outcome, RunModule

ARN = "arn:aws:sns:us-east-1:123456789012:alerts"
ME, YOU = "me@example.com", "you@example.com"


class Topic:
    """The topic of alerts, and the module applied to it."""

    def __init__(self, aws: Account, run_module: RunModule) -> None:
        self.aws, self.run_module = aws, run_module
        self.client = aws.client("sns")

    def run(self, *emails: str, check: bool = False, **options: Any) -> Outcome:
        self.aws.forget_calls()
        given = {"name": "alerts", "account_id": "123456789012", "emails": list(emails), **options}
        return self.run_module(alerts_topic.main, check=check, **given)

    def exists(self) -> bool:
        return ARN in [topic["TopicArn"] for topic in self.client.list_topics()["Topics"]]

    def subscriptions(self) -> list[str]:
        found = self.client.list_subscriptions_by_topic(TopicArn=ARN)["Subscriptions"]
        return sorted(f"{each['Protocol']}:{each['Endpoint']}" for each in found)


@pytest.fixture
def topic(aws: Account, run_module: RunModule) -> Topic:
    return Topic(aws, run_module)


def test_a_topic_is_made_with_its_subscriptions(topic: Topic) -> None:
    outcome = topic.run(YOU, ME)
    assert outcome.changed
    assert topic.subscriptions() == [f"email:{ME}", f"email:{YOU}"]
    assert outcome["topic"] == {"arn": ARN, "emails": [ME, YOU]}
    assert outcome["diff"] == {"before": {}, "after": outcome["topic"]}


@pytest.mark.parametrize(
    ("emails", "calls"),
    [([], ["GetTopicAttributes"]), ([ME, YOU], ["GetTopicAttributes", "ListSubscriptionsByTopic"])],
)
def test_a_second_run_reads_as_little_as_it_can(topic: Topic, emails: list[str], calls: list[str]) -> None:
    topic.run(*emails)
    outcome = topic.run(*emails)
    assert not outcome.changed
    assert [call.operation for call in topic.aws.calls()] == calls
    assert outcome["diff"]["before"] == outcome["diff"]["after"]


def test_who_is_missing_is_subscribed_and_all_others_stay(topic: Topic) -> None:
    topic.run(ME)
    queue = topic.aws.client("sqs").create_queue(QueueName="archive")["QueueUrl"]
    name = topic.aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    topic.client.subscribe(TopicArn=ARN, Protocol="sqs", Endpoint=name["Attributes"]["QueueArn"])
    before = topic.subscriptions()
    announced = topic.run(YOU, check=True)
    assert topic.aws.changes() == []
    outcome = topic.run(YOU)
    assert topic.aws.changes() == ["Subscribe"]
    assert topic.subscriptions() == sorted([*before, f"email:{YOU}"])
    assert announced["diff"] == outcome["diff"]
    assert outcome["diff"]["before"] == {"arn": ARN, "emails": [ME]}
    assert outcome["diff"]["after"] == {"arn": ARN, "emails": [ME, YOU]}
    assert not topic.run().changed
    assert topic.subscriptions() == sorted([*before, f"email:{YOU}"])


@pytest.mark.parametrize(("arn", "asked_again"), [("PendingConfirmation", False), ("Deleted", True)])
def test_who_has_not_confirmed_yet_is_not_asked_again(
    topic: Topic, disturbance: Disturbance, arn: str, asked_again: bool
) -> None:
    topic.run()
    member = f"<member><Protocol>email</Protocol><Endpoint>{ME}</Endpoint><SubscriptionArn>{arn}</SubscriptionArn>"
    listed = f"<Subscriptions>{member}<TopicArn>{ARN}</TopicArn></member></Subscriptions>"
    result = f"<ListSubscriptionsByTopicResult>{listed}</ListSubscriptionsByTopicResult>"
    disturbance.answer(
        "Action=ListSubscriptionsByTopic",
        body=f"<ListSubscriptionsByTopicResponse>{result}</ListSubscriptionsByTopicResponse>",
    )
    assert topic.run(ME).changed == asked_again
    assert topic.aws.changes() == (["Subscribe"] if asked_again else [])


def test_an_address_in_capitals_is_the_same(topic: Topic) -> None:
    topic.run(ME)
    assert not topic.run(ME.upper(), ME.title()).changed


@pytest.mark.parametrize("emails", [[], [ME]])
def test_check_mode_announces_a_topic_that_is_not_there(topic: Topic, emails: list[str]) -> None:
    announced = topic.run(*emails, check=True)
    assert not topic.exists()
    done = topic.run(*emails)
    assert (announced.changed, announced["topic"], announced["diff"]) == (done.changed, done["topic"], done["diff"])


def test_absent_deletes_the_topic_once_and_says_who_had_subscribed(topic: Topic) -> None:
    topic.run(ME)
    announced = topic.run(state="absent", check=True)
    assert topic.exists()
    outcome = topic.run(state="absent")
    assert outcome.changed
    assert announced["diff"] == outcome["diff"] == {"before": {"arn": ARN, "emails": [ME]}, "after": {}}
    assert not topic.exists()
    assert not topic.run(state="absent").changed
    assert [call.operation for call in topic.aws.calls()] == ["GetTopicAttributes"]


def test_a_caller_without_permissions_hears_which(topic: Topic, stranger: dict[str, Any]) -> None:
    message = topic.run(**stranger).msg
    assert message.startswith("Failed to look for topic 'alerts': ")
    assert "sns:GetTopicAttributes" in message
