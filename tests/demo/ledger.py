# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each model received, traded and uploaded: the files on its host beside those in the bucket."""

from __future__ import annotations

from dataclasses import dataclass

from tests.day.trading_day import Day
from tests.demo.facts import label
from tests.integration.account import Host


@dataclass(frozen=True)
class Result:
    """What a model's day came to."""

    model: str
    received: int
    traded: int
    uploaded: int
    log_uploaded: bool

    def loss(self) -> str:
        """Say in a sentence what is missing; nothing when all is there."""
        if not self.traded:
            return f"{self.model} made no trades."
        if self.uploaded != self.traded:
            return f"{self.model} made {self.traded} trades, and {self.uploaded} are in the bucket."
        if not self.log_uploaded:
            return f"The last line of {self.model}'s log is not in the bucket."
        return ""


class Model:
    """Reads one model's files."""

    def __init__(self, day: Day, host: Host) -> None:
        self.name = label(host)
        self._folder = day.aws.host(host.instance_id).home / "algo-modeling-v2/backup_vscode"
        self._prefix = "models/{ModelType}/{Symbol}/{ModelNumber}".format_map(host.tags)

    def received(self) -> int:
        """Count the bars."""
        return sum(line.startswith("bar ") for line in self._log())

    def traded(self) -> int:
        """Count the trades."""
        return sum(count_rows(path.read_text()) for path in self._folder.glob("trades_*.csv"))

    def result(self, objects: dict[str, bytes]) -> Result:
        """Compare with what is in the bucket."""
        trades = [body for key, body in objects.items() if key.startswith(f"{self._prefix}/trades/")]
        uploaded_log = objects.get(f"{self._prefix}/logs/app.log", b"").decode().splitlines()
        return Result(
            self.name,
            self.received(),
            self.traded(),
            sum(count_rows(body.decode()) for body in trades),
            uploaded_log[-1:] == self._log()[-1:] != [],
        )

    def _log(self) -> list[str]:
        log = self._folder / "live_trader.log"
        return log.read_text().splitlines() if log.exists() else []


def count_rows(text: str) -> int:
    """Count the rows of a CSV file below its head."""
    return max(0, len(text.splitlines()) - 1)
