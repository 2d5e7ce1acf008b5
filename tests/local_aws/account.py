# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read access to moto's world, for the parts that must look before they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moto.ec2.models import EC2Backend
    from moto.ec2.models.instances import Instance
    from moto.iam.models import IAMBackend
    from moto.s3.models import S3Backend

ACCOUNT_ID = "123456789012"


class Account:
    """The one account, seen from one region."""

    def __init__(self, region: str) -> None:
        self.region = region

    @property
    def ec2(self) -> EC2Backend:
        """moto's EC2 of this region."""
        from moto.ec2.models import ec2_backends

        return ec2_backends[ACCOUNT_ID][self.region]

    @property
    def iam(self) -> IAMBackend:
        """moto's IAM."""
        from moto.iam.models import iam_backends

        return iam_backends[ACCOUNT_ID]["aws"]

    @property
    def s3(self) -> S3Backend:
        """moto's S3."""
        from moto.s3.models import s3_backends

        return s3_backends[ACCOUNT_ID]["aws"]

    def instances(self, ids: Iterable[str]) -> list[Instance]:
        """Return the instances that exist; moto itself complains about the others."""
        wanted = set(ids)
        return [instance for instance in self.ec2.all_instances() if instance.id in wanted]
