# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where an asynchronous event's record can go. Call these with the front's lock."""

from __future__ import annotations

from dataclasses import dataclass

from tests.local_aws.account import ACCOUNT_ID, Account

# What a function's role needs for a destination of a service.
_ACTIONS = {"lambda": "lambda:InvokeFunction", "sns": "sns:Publish", "sqs": "sqs:SendMessage"}


@dataclass(frozen=True)
class Destination:
    """A function, a topic or a queue."""

    arn: str
    service: str
    region: str
    name: str

    @property
    def action(self) -> str:
        """The permission that delivering takes."""
        return _ACTIONS[self.service]


def parse_destination(arn: str) -> Destination | None:
    """Read the ARN of a destination; None when it is none that is modelled."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[:2] != ["arn", "aws"] or parts[4] != ACCOUNT_ID or parts[2] not in _ACTIONS:
        return None
    _, _, service, region, _, name = parts
    if service == "lambda" and not name.startswith("function:"):
        return None
    return Destination(arn, service, region, name)


def publish(destination: Destination, message: str) -> None:
    """Publish to a topic; KeyError when it does not exist."""
    from moto.sns.models import sns_backends

    sns_backends[ACCOUNT_ID][destination.region].topics[destination.arn].publish(message)


def send(destination: Destination, message: str) -> None:
    """Send to a queue; KeyError when it does not exist."""
    from moto.sqs.models import sqs_backends

    backend = sqs_backends[ACCOUNT_ID][destination.region]
    if destination.name not in backend.queues:
        raise KeyError(destination.name)
    backend.send_message(destination.name, message)


def published(account: Account, topic_arn: str) -> list[dict[str, str | None]] | None:
    """Return the messages of a topic, the oldest first; None when it does not exist."""
    from moto.sns.models import sns_backends

    topic = sns_backends[ACCOUNT_ID][account.region].topics.get(topic_arn)
    if topic is None:
        return None
    return [{"message_id": sent[0], "message": sent[1], "subject": sent[2]} for sent in topic.sent_notifications]
