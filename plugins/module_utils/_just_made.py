# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Calls that name something which was made a moment ago.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Half a minute in all. AWS gives no number, and IAM's own advice is to try again.
PAUSES = (1, 2, 4, 8, 16)


def retry_while(messages: tuple[str, ...], call: Callable[[], T]) -> T:
    """Call until the errors with these texts are gone, and at last let them through.

    A role or an instance profile is unknown to other services for some seconds after IAM has made it. What they then
    say has the error code of other, lasting faults, so that only the text tells.
    """
    for pause in PAUSES:
        try:
            return call()
        except Exception as error:
            if not any(message in str(error) for message in messages):
                raise
            time.sleep(pause)
    return call()
