# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is done to hosts in EC2. A step may be taken twice, and returns the error of each host that was refused it."""

from __future__ import annotations

from .aws import Aws, code_of, in_chunks_and_halves, is_passing

# One host that is refused spoils a call for no more than so many others, until halving finds it.
_BATCH = 50
_NO_CAPACITY = frozenset({"InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientAddressCapacity"})
_TAG_BATCH = 1000
# For these CreateTags refuses a whole call because of one host.
_OF_ONE_HOST = ("InvalidInstanceID", "InvalidID", "TagLimitExceeded")
# EC2 shows another state than the one that the host is in; the next look tells.
_IN_BETWEEN = frozenset({"IncorrectInstanceState", "IncorrectState", "InvalidInstanceID.NotFound"})


def start(aws: Aws, ids: list[str]) -> dict[str, Exception]:
    """Start instances."""
    return in_chunks_and_halves(ids, _BATCH, lambda some: aws.ec2_once.start_instances(InstanceIds=some))


def stop(aws: Aws, ids: list[str]) -> dict[str, Exception]:
    """Stop instances."""
    return in_chunks_and_halves(ids, _BATCH, lambda some: aws.ec2_once.stop_instances(InstanceIds=some))


def tag(aws: Aws, ids: list[str], key: str, value: str) -> dict[str, Exception]:
    """Give instances a tag."""
    tags = [{"Key": key, "Value": value}]
    return in_chunks_and_halves(
        ids,
        _TAG_BATCH,
        lambda some: aws.ec2_once.create_tags(Resources=some, Tags=tags),
        lambda error: not code_of(error).startswith(_OF_ONE_HOST),
    )


def heals(error: Exception) -> bool:
    """Tell whether the step is worth another try a little later."""
    return is_passing(error) or code_of(error) in _NO_CAPACITY | _IN_BETWEEN
