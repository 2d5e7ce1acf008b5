# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""On which days the New York Stock Exchange is closed, and on which it closes early.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# As in "Christmas Eve (markets close at 1:00pm)".
_CLOSES_AT = re.compile(r"\(markets close at (\d{1,2}):(\d\d)([ap])m\)$")


def market_calendar(years: Iterable[int]) -> dict[str, dict[str, str]]:
    """The days on which the exchange is closed, with their names, and those on which it closes early, with the times.

    Weekends are not among them.

    Raises:
        ImportError: the Python package holidays is missing.
        ValueError: these are not years, or not known ones.
    """
    # Not at the top, so that all else works without the package.
    from holidays.financial.ny_stock_exchange import NewYorkStockExchange

    wanted = list(years)
    first, last = NewYorkStockExchange.start_year, NewYorkStockExchange.end_year
    for year in wanted:
        if not isinstance(year, int) or not first <= year <= last:
            raise ValueError(f"{year!r} is not a year from {first} to {last}")
    closed = NewYorkStockExchange(years=wanted, categories="public") if wanted else {}
    early = NewYorkStockExchange(years=wanted, categories="half_day") if wanted else {}
    return {
        "closed": {day.isoformat(): name for day, name in sorted(closed.items())},
        "early_closes": {day.isoformat(): _closing_time(name) for day, name in sorted(early.items())},
    }


def _closing_time(name: str) -> str:
    told = _CLOSES_AT.search(name)
    if told is None:
        raise ValueError(f"{name!r} does not say when the exchange closes")
    return f"{int(told[1]) % 12 + (12 if told[3] == 'p' else 0):02}:{told[2]}"
