# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The names of an environment's resources.

Other tools of the stack's owner find things by these names, so they stand here once: modules call these functions, and
roles reach them through the filter P(algotrading.aws.environment_names#filter).

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

ENVIRONMENTS = ("dev", "qa", "prod")


def ingest_name(environment: str) -> str:
    """The C(Name) tag of the environment's ingest node."""
    return f"alpaca-websocket-ingest-{environment}"


def trader_name_prefix(environment: str) -> str:
    """What the C(Name) tags of the environment's trading servers begin with."""
    return f"trading-server-{environment}-"


def trader_name(environment: str, model_type: str, symbol: str, model_number: str) -> str:
    """The C(Name) tag of the server that trades one model."""
    return f"{trader_name_prefix(environment)}{symbol}-{model_type}-{model_number}"


def environment_of(name: str) -> str | None:
    """The environment whose server has that C(Name) tag, or None when it is no server's."""
    return next((each for each in ENVIRONMENTS if name.startswith((ingest_name(each), trader_name_prefix(each)))), None)


def environment_names(environment: str) -> dict[str, str]:
    """All names of one environment, by what they name.

    Raises:
        ValueError: the environment is none of ENVIRONMENTS.
    """
    if environment not in ENVIRONMENTS:
        raise ValueError(f"'{environment}' is not an environment: name one of {', '.join(ENVIRONMENTS)}")
    return {
        "network": f"trading-{environment}",
        "ingest_role": f"alpaca_instance_role_{environment}",
        "ingest_instance_profile": f"alpaca_instance_profile_{environment}",
        "ingest_node": ingest_name(environment),
        "trader_role": f"trading_server_instance_role_{environment}",
        "trader_instance_profile": f"trading_server_instance_profile_{environment}",
        "trader_prefix": trader_name_prefix(environment),
        "secrets_policy": f"secretsmanager-access-{environment}",
        "config_policy": f"s3-config-read-{environment}",
        "dashboard_policy": f"dashboard-access-{environment}",
        "models_policy": f"s3-list-access-{environment}",
        # A bucket's name is the whole world's, so that the account's id comes behind it.
        "transfer_bucket_prefix": f"algo-trading-ssm-{environment}-",
        "lock_path": f"/algotrading/{environment}/lock",
        "nats_secret": f"trading/nats-{environment}",
        "alerts_topic": f"trading-alerts-{environment}",
        "ingest_function": f"AlpacaWebsocketLambda_{environment}",
        "ingest_function_role": f"alpaca_websocket_lambda_role_{environment}",
        "ingest_function_policy": f"alpaca_websocket_lambda_policy_{environment}",
        "invoke_fleet_policy": f"AllowAlpacaInvokeTradingServer_{environment}",
        "chain_policy": f"alpaca-websocket-invoke-trading-{environment}",
        "fleet_function": f"TradingServerLambda_{environment}",
        "fleet_function_role": f"trading_server_lambda_role_{environment}",
        "fleet_function_policy": f"trading_server_lambda_policy_{environment}",
        "shutdown_function": f"TradingServerShutdownLambda_{environment}",
        "shutdown_function_role": f"trading_server_shutdown_lambda_role_{environment}",
        "shutdown_function_policy": f"trading_server_shutdown_lambda_policy_{environment}",
        "scheduler_role": f"eventbridge-scheduler-invoke-lambda-{environment}",
        "scheduler_policy": f"scheduler-invoke-lambda-{environment}",
        "start_schedule": f"alpaca-websocket-lambda-daily-9am-est-{environment}",
        "shutdown_schedule": f"trading-server-shutdown-schedule-{environment}",
        "early_shutdown_schedule": f"trading-server-shutdown-early-schedule-{environment}",
    }
