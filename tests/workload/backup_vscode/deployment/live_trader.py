# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The trader: follows its symbol's bars, and holds it while the fast average is above the slow one."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import os
import signal
import subprocess
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

import nats
from nats.aio.msg import Msg

HOME = Path(os.environ.get("TRADING_HOME") or Path.home())
FAST, SLOW = 2, 4


def settings(*names: str) -> list[str]:
    """Let a shell read deployment_config.txt, as it is written for one."""
    script = 'source "$0"; for name; do printf "%s\\0" "${!name}"; done'
    config = str(HOME / "deployment_config.txt")
    done = subprocess.run(["bash", "-c", script, config, *names], check=True, capture_output=True, text=True)
    return done.stdout.split("\0")[:-1]


class Trader:
    """One symbol, one rule, one file of trades a day, in the folder where it was started."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.closes: deque[float] = deque(maxlen=SLOW)
        self.side = ""
        self.received = 0

    async def on_bar(self, message: Msg) -> None:
        bar = json.loads(message.data)
        self.received += 1
        self.closes.append(float(bar["close"]))
        print(f"bar {self.received} {bar['time']} {self.symbol} {bar['close']}")
        if len(self.closes) == SLOW:
            latest = list(self.closes)
            side = "buy" if sum(latest[-FAST:]) / FAST > sum(latest) / SLOW else "sell"
            if side != self.side:
                self.side = side
                self.trade(side, bar)

    def trade(self, side: str, bar: dict[str, str]) -> None:
        now = datetime.now(UTC)
        path = Path(f"trades_{now:%Y%m%d}.csv")
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if new:
                writer.writerow(["time", "bar", "symbol", "side", "price"])
            writer.writerow([now.isoformat(timespec="seconds"), bar["time"], self.symbol, side, bar["close"]])
        print(f"trade {side} {self.symbol} at {bar['close']}")


async def follow(trader: Trader, url: str) -> None:
    """Hand every bar of the symbol to the trader, until the task is cancelled."""
    connection = await nats.connect(
        url, token=os.environ.get("NATS_TOKEN"), max_reconnect_attempts=-1, reconnect_time_wait=0.5
    )
    try:
        await connection.subscribe(f"bars.{trader.symbol}", cb=trader.on_bar)
        print("subscribed")
        await asyncio.Event().wait()
    finally:
        await connection.close()


async def main() -> None:
    address, symbol, number = settings("nats_public_ip", "symbol", "model_number")
    trader = Trader(symbol)
    url = f"nats://{address}:4222"
    print(f"{number} follows {symbol} at {url}")
    task = asyncio.create_task(follow(trader, url))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    print(f"stopped after {trader.received} bars")


if __name__ == "__main__":
    asyncio.run(main())
