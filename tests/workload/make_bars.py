# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes `bars.csv`: minute bars of one trading day, as a random walk that is always the same."""

from __future__ import annotations

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path

SYMBOLS = ("SOXL", "TQQQ", "SPXL", "TECL", "FNGU", "UPRO", "LABU", "TNA", "FAS", "UDOW", "NVDL", "TSLL", "NVDA")
MINUTES = 60
OPENING = datetime(2026, 2, 2, 9, 30)
BARS = Path(__file__).parent / "backup_vscode" / "deployment" / "bars.csv"


def bars() -> list[list[str]]:
    """Return time, symbol, close and volume of each bar, by time."""
    walk = random.Random(20260202)  # noqa: S311 - prices, not keys
    prices = {symbol: 20.0 + 10 * index for index, symbol in enumerate(SYMBOLS)}
    rows = []
    for minute in range(MINUTES):
        time = (OPENING + timedelta(minutes=minute)).isoformat()
        for symbol in SYMBOLS:
            prices[symbol] *= 1 + walk.gauss(0, 0.002)
            rows.append([time, symbol, f"{prices[symbol]:.2f}", str(walk.randrange(100, 5000))])
    return rows


if __name__ == "__main__":
    with BARS.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["time", "symbol", "close", "volume"])
        writer.writerows(bars())
