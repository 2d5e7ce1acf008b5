# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The feed: replays the bars of one day, again and again, over NATS."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import itertools
import json
import os
import signal
from pathlib import Path

import nats
from nats.errors import Error

BARS = Path(__file__).parent / "bars.csv"


def minutes() -> list[list[dict[str, str]]]:
    """Return the bars of each minute."""
    with BARS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [list(group) for _, group in itertools.groupby(rows, key=lambda row: row["time"])]


async def replay(pause: float) -> None:
    """Publish a minute's bars, wait, publish the next."""
    url = os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
    connection = await nats.connect(
        url, token=os.environ.get("NATS_TOKEN"), max_reconnect_attempts=-1, reconnect_time_wait=0.5
    )
    print(f"connected to {url}")
    for count, minute in enumerate(itertools.cycle(minutes()), start=1):
        try:
            for bar in minute:
                await connection.publish(f"bars.{bar['symbol']}", json.dumps(bar).encode())
            await connection.flush(timeout=2)
        except (Error, OSError, TimeoutError) as error:
            print(f"not sent: {error!r}")
        if count % 10 == 1:
            print(f"sent {count} minutes; the last one was {minute[0]['time']}")
        await asyncio.sleep(pause)


async def main() -> None:
    task = asyncio.create_task(replay(1 / float(os.environ.get("REPLAY_SPEED", "2"))))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    print("stopped")


if __name__ == "__main__":
    asyncio.run(main())
