# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The commands `serve`, `run` and `seed`."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from tests.local_aws.client import LocalAws
from tests.local_aws.clients import make_client
from tests.local_aws.environment import is_loopback
from tests.local_aws.networks import ENVIRONMENTS
from tests.local_aws.seed import Seed, apply_seed


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(argv)
    status: int = options.run(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.local_aws", description="A local AWS for tests.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run the endpoint until it is interrupted")
    serve.add_argument("--port", type=int, default=0, help="default: a free one")
    serve.add_argument("--until-stdin-closes", action="store_true", help="end with the process that started this one")
    serve.add_argument(
        "--time", type=datetime.fromisoformat, help="what the clock shows at first, as 2026-02-02T08:29-05:00"
    )
    serve.add_argument("--hosts", action="store_true", help="let instances live: boot, run commands, stop")
    serve.add_argument("--rates", action="store_true", help="refuse calls of EC2 that come faster than AWS takes them")
    serve.set_defaults(run=_serve)

    run = commands.add_parser("run", help="run a command against an endpoint of its own")
    run.add_argument("--hosts", action="store_true", help="let instances live: boot, run commands, stop")
    run.add_argument("--seed", action="append", default=[], metavar="ENV", help="an environment to seed first")
    _add_seed_options(run)
    run.add_argument("command", nargs=argparse.REMAINDER, help="after --, the command and its arguments")
    run.set_defaults(run=_run)

    seed = commands.add_parser("seed", help="seed the endpoint that AWS_ENDPOINT_URL names")
    seed.add_argument("--env", required=True, choices=ENVIRONMENTS)
    _add_seed_options(seed)
    seed.set_defaults(run=_seed)
    return parser


def _add_seed_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--models", type=int, default=6, help="how many models (default: 6)")
    parser.add_argument("--symbols", type=int, default=3, help="spread over how many symbols (default: 3)")
    parser.add_argument("--objects", type=int, default=3, help="objects in each model's folder (default: 3)")
    parser.add_argument("--near-misses", action="store_true", help="add folders that nearly are models")
    parser.add_argument("--hostile", action="store_true", help="add names that would harm a careless reader")
    for part in ("network", "images", "secret", "bucket"):
        parser.add_argument(f"--no-{part}", dest=part, action="store_false", help=f"leave out the {part}")


def _serve(options: argparse.Namespace) -> int:
    from tests.local_aws.server import serve

    status = serve(options.port, options.until_stdin_closes, options.time, options.hosts, options.rates)
    sys.stderr.flush()
    # Nothing is left to save, and taking moto's world apart piece by piece would take half a second.
    os._exit(status)


def _run(options: argparse.Namespace) -> int:
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        print("local_aws: nothing to run; give the command after --", file=sys.stderr)
        return 2
    with LocalAws(hosts=options.hosts) as aws:
        for environment in options.seed:
            print(apply_seed(_seed_of(options, environment), aws.client), flush=True)
        aws.forget_calls()
        return _run_command(command, aws.environ)


def _run_command(command: list[str], environ: dict[str, str]) -> int:
    try:
        process = subprocess.Popen(command, env=environ)
    except OSError as error:
        print(f"local_aws: cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    # An interrupt goes to the command, which decides when it ends; we clean up after it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    status = process.wait()
    return 128 - status if status < 0 else status


def _seed(options: argparse.Namespace) -> int:
    endpoint_url = os.environ.get("AWS_ENDPOINT_URL", "")
    if not is_loopback(endpoint_url):
        print("local_aws: AWS_ENDPOINT_URL does not name an endpoint on this machine; not seeding", file=sys.stderr)
        return 2
    print(apply_seed(_seed_of(options, options.env), partial(make_client, endpoint_url)))
    return 0


def _seed_of(options: argparse.Namespace, environment: str) -> Seed:
    return Seed(
        environment=environment,
        models=options.models,
        symbols=options.symbols,
        objects_per_model=options.objects,
        near_misses=options.near_misses,
        hostile=options.hostile,
        network=options.network,
        images=options.images,
        secret=options.secret,
        bucket=options.bucket,
    )
