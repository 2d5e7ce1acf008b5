# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A local AWS for tests, the demo and molecule: `with LocalAws() as aws: aws.client("ec2")`."""

from __future__ import annotations

from tests.local_aws.calls import Call
from tests.local_aws.client import LocalAws

__all__ = ["Call", "LocalAws"]
