# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Three environments in one account, with every option of the roles in use, and everybody's own clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from tests.integration.account import Account
from tests.local_aws import LocalAws
from tests.local_aws.account import ACCOUNT_ID
from tests.local_aws.clients import Client
from tests.local_aws.seed import BUCKETS
from tests.local_aws.seed_models import model_names
from tests.playbook import run_playbook

ENVIRONMENTS = ("dev", "qa", "prod")
# What differs between them: automation is the inventories' own affair, and off in dev.
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "dev": ("-e", "trading_nats_auth=token"),
    "qa": (),
    "prod": ("-e", "trading_nats_auth=token", "-e", "trading_dashboard_commands=false"),
}
WITH_TOKEN = {"dev", "prod"}
WITH_COMMANDS = {"dev", "qa"}

INGEST = "ingest node"
TRADER = "trader"
STARTS_FEED = "ingest function"
STARTS_FLEET = "fleet function"
STOPS = "shutdown function"
SCHEDULER = "scheduler"
ROLES = {
    INGEST: "alpaca_instance_role_",
    TRADER: "trading_server_instance_role_",
    STARTS_FEED: "alpaca_websocket_lambda_role_",
    STARTS_FLEET: "trading_server_lambda_role_",
    STOPS: "trading_server_shutdown_lambda_role_",
    SCHEDULER: "eventbridge-scheduler-invoke-lambda-",
}
FUNCTIONS = {
    STARTS_FEED: "AlpacaWebsocketLambda_",
    STARTS_FLEET: "TradingServerLambda_",
    STOPS: "TradingServerShutdownLambda_",
}
REFUSALS = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"}


@dataclass(frozen=True)
class Target:
    """What of one environment somebody could lay hands on."""

    environment: str
    ingest: str
    trader: str
    # A host that says of itself that it is of this environment, and no more.
    guest: str

    @property
    def bucket(self) -> str:
        return BUCKETS[self.environment]

    @property
    def model(self) -> str:
        """The folder of a model."""
        return "models/" + "/".join(model_names(1)[0])

    @property
    def token_id(self) -> str:
        return f"trading/nats-{self.environment}"

    @property
    def topic(self) -> str:
        return f"arn:aws:sns:us-east-1:{ACCOUNT_ID}:trading-alerts-{self.environment}"

    def function(self, kind: str) -> str:
        return FUNCTIONS[kind] + self.environment

    def role(self, kind: str) -> str:
        return ROLES[kind] + self.environment

    def role_arn(self, kind: str) -> str:
        return f"arn:aws:iam::{ACCOUNT_ID}:role/{self.role(kind)}"


Clients = Callable[[str], Client]


@dataclass
class Stack:
    """The account, what there is to lay hands on, and whoever has hands."""

    aws: LocalAws
    targets: dict[str, Target]
    # Without a single tag.
    stranger: str
    _clients: dict[tuple[str, str, str], Client] = field(default_factory=dict)

    def client(self, environment: str, kind: str, service: str) -> Client:
        """A client with the keys of an environment's role; a role's keys follow its policies."""
        place = (environment, kind, service)
        if place not in self._clients:
            self._clients[place] = self.aws.client(service, **self._keys(ROLES[kind] + environment))
        return self._clients[place]

    def _keys(self, role: str) -> dict[str, str]:
        arn = f"arn:aws:iam::{ACCOUNT_ID}:role/{role}"
        keys = self.aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
        }


def provision(aws: LocalAws) -> Stack:
    """Have site.yml make all three environments, two at a time."""
    aws.instant_hosts()
    account = Account(aws)
    for environment in ENVIRONMENTS:
        account.seed(environment, models=1)

    def run(environment: str) -> None:
        done = run_playbook(environment, aws.environ, *OPTIONS[environment])
        assert done.status == 0, done.output

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, ENVIRONMENTS))
    targets = {environment: _target(account, environment) for environment in ENVIRONMENTS}
    return Stack(aws, targets, _launch_like(account, targets["qa"].trader, {}))


def _target(account: Account, environment: str) -> Target:
    ids = {host.tags["Role"]: host.instance_id for host in account.hosts(environment)}
    guest = _launch_like(account, ids["trader"], {"Environment": environment})
    return Target(environment, ids["ingest"], ids["trader"], guest)


def _launch_like(account: Account, instance_id: str, tags: dict[str, str]) -> str:
    """Launch a host that differs from another one by its tags only."""
    (found,) = account.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    like = found["Instances"][0]
    named = [{"Key": key, "Value": value} for key, value in tags.items()]
    launched = account.ec2.run_instances(
        ImageId=like["ImageId"],
        InstanceType=like["InstanceType"],
        SubnetId=like["SubnetId"],
        IamInstanceProfile={"Arn": like["IamInstanceProfile"]["Arn"]},
        MetadataOptions={"HttpTokens": "required"},
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": named}] if named else [],
    )
    new: str = launched["Instances"][0]["InstanceId"]
    return new


def is_refused(call: Callable[[], object]) -> bool:
    """Say whether policies keep a call from being made, whatever becomes of it otherwise."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] in REFUSALS
    return False
