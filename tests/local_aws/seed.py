# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes an account as a user has it before the first run of the playbooks."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.local_aws.clients import ClientFactory
from tests.local_aws.seed_images import seed_images
from tests.local_aws.seed_models import HOSTILE_KEYS, model_keys, near_miss_keys, put_missing
from tests.local_aws.seed_network import seed_network

BUCKETS = {"dev": "algo-model-deploy-dev", "qa": "algo-model-deploy", "prod": "algo-model-deploy-prod"}
SECRET_ID = "github/ssh-key"  # noqa: S105 - the secret's name


@dataclass(frozen=True)
class Seed:
    """What to seed for one environment; images and the secret are the account's and are made once."""

    environment: str = "dev"
    models: int = 6
    symbols: int = 3
    objects_per_model: int = 3
    near_misses: bool = False
    hostile: bool = False
    network: bool = True
    images: bool = True
    secret: bool = True
    bucket: bool = True

    @property
    def bucket_name(self) -> str:
        """The environment's bucket."""
        return BUCKETS[self.environment]


def apply_seed(seed: Seed, client: ClientFactory) -> str:
    """Make what is missing and say what is there now; `client` makes a boto3 client of a service."""
    made = []
    if seed.bucket:
        made.append(_seed_bucket(seed, client))
    if seed.images:
        made.append(seed_images(client("ec2")))
    if seed.secret:
        made.append(_seed_secret(client))
    if seed.network:
        made.append(seed_network(client("ec2"), seed.environment))
    return f"Seeded {seed.environment}: {'; '.join(made)}."


def _seed_bucket(seed: Seed, client: ClientFactory) -> str:
    s3 = client("s3")
    bucket = seed.bucket_name
    if bucket not in {found["Name"] for found in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=bucket)
    keys = ["configs/config.json", *model_keys(seed.models, seed.symbols, seed.objects_per_model)]
    if seed.near_misses:
        keys += near_miss_keys()
    if seed.hostile:
        keys += HOSTILE_KEYS
    put_missing(s3, bucket, keys)
    return f"bucket {bucket} with {seed.models} models ({len(keys)} objects)"


def _seed_secret(client: ClientFactory) -> str:
    secrets = client("secretsmanager")
    if SECRET_ID not in {found["Name"] for found in secrets.list_secrets()["SecretList"]}:
        value = json.dumps({"private-key": "made-up-credential-of-the-local-aws"})
        secrets.create_secret(Name=SECRET_ID, SecretString=value)
    return f"secret {SECRET_ID}"
