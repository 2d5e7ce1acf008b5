# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One invocation of a controller: what it has, how it goes round, and how its errors leave it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .aws import AWS_ERRORS, Aws, is_passing, message_of
from .clock import POLL_SECONDS, ROUND_SECONDS, Budget, Clock, Context
from .log import log
from .outcomes import ControllerError, failed
from .settings import Settings

Handler = Callable[[dict[str, Any], Context], dict[str, Any]]


@dataclass(frozen=True)
class Invocation:
    """What every part of a controller needs."""

    settings: Settings
    aws: Aws
    clock: Clock
    budget: Budget
    # Lambda's own retries of an event carry the same id, and any other event another.
    request_id: str
    began: float

    @classmethod
    def begin(cls, context: Context, clock: Clock) -> Invocation:
        """Take up an invocation."""
        settings = Settings.from_environment()
        return cls(settings, Aws.connect(settings.region), clock, Budget(context), context.aws_request_id, clock.now())

    def repeat(self, look: Callable[[], bool], keep: float = 0.0) -> str:
        """Look at the world and take steps until all is done, or until only this much time is left.

        A look that AWS keeps from ending for a moment is taken again. Returns what kept the last one from ending.
        """
        trouble = ""
        while self.budget.lasts(ROUND_SECONDS + keep):
            try:
                trouble = ""
                if look():
                    break
            except AWS_ERRORS as error:
                if not is_passing(error):
                    raise
                trouble = message_of(error)
                log("a look is taken again", error=trouble)
            self.clock.sleep(POLL_SECONDS)
        return trouble


def told(handler: Handler) -> Handler:
    """Turn every error that a controller foresees into the one that it raises, and log the end."""

    @functools.wraps(handler)
    def tell(event: dict[str, Any], context: Context) -> dict[str, Any]:
        try:
            result = handler(event, context)
        except ControllerError as error:
            log("ended in failure", error=str(error))
            raise
        except (*AWS_ERRORS, ValueError, OSError) as error:
            reason = message_of(error) if isinstance(error, AWS_ERRORS) else str(error)
            raised = ControllerError([failed(context.function_name, "", reason)])
            log("ended in failure", error=str(raised))
            raise raised from error
        log("ended", hosts=len(result["outcomes"]))
        return result

    return tell
