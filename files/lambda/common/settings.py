# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a controller is told by its environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


def _one_of(environ: Mapping[str, str], name: str, *choices: str) -> str:
    value = environ.get(name, choices[0])
    if value not in choices:
        raise ValueError(f"{name} is {value!r}, and must be one of {', '.join(choices)}")
    return value


@dataclass(frozen=True)
class Settings:
    """The settings of one environment's controllers."""

    environment: str
    ingest_name: str
    trader_prefix: str
    region: str
    max_repairs: int
    # Read only by who needs it, so that no mistake in it keeps anything up.
    market_calendar: str
    nats_address: str
    # Passed on to run.sh, which has a default for each.
    secret_id: str
    nats_auth: str
    repository: str
    git_branch: str
    nats_secret_id: str
    # More variables of run.sh, as JSON.
    workload: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from the process's environment, or from another.

        Raises:
            ValueError: one is missing or makes no sense.
        """
        environ = os.environ if environ is None else environ
        environment = environ.get("ENVIRONMENT", "")
        if not environment:
            raise ValueError("the environment variable ENVIRONMENT is not set")
        return cls(
            environment=environment,
            ingest_name=environ.get("WEBSOCKET_INSTANCE_NAME", f"alpaca-websocket-ingest-{environment}"),
            trader_prefix=environ.get("TRADING_SERVER_NAME_PREFIX", f"trading-server-{environment}-"),
            region=environ.get("AWS_REGION", "us-east-1"),
            max_repairs=int(environ.get("MAX_RETRIES", "2")),
            market_calendar=environ.get("MARKET_CALENDAR", '{"years": [], "closed": [], "early": []}'),
            nats_address=_one_of(environ, "NATS_ADDRESS", "private", "public"),
            secret_id=environ.get("GITHUB_SECRET_ID", ""),
            nats_auth=_one_of(environ, "NATS_AUTH", "none", "token"),
            repository=environ.get("WORKLOAD_REPOSITORY", ""),
            git_branch=environ.get("GIT_BRANCH", ""),
            nats_secret_id=environ.get("NATS_SECRET_ID", ""),
            workload=environ.get("WORKLOAD", "{}"),
        )
