# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""boto3 clients that reach the local endpoint, whatever this machine's own AWS configuration says."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.local_aws.environment import ACCESS_KEY, REGION, SECRET_KEY

if TYPE_CHECKING:
    import boto3

# boto3 makes the methods of its clients at run time: there is no type to name.
Client: TypeAlias = Any
ClientFactory: TypeAlias = Callable[[str], Client]

# A session's clients may be used by many threads, but are made by one at a time.
_making = threading.Lock()


def make_client(endpoint_url: str, service: str, **options: object) -> Client:
    """Return a client with the account owner's credentials; `options` go to boto3."""
    from botocore.config import Config

    config = Config(proxies={}, retries={"total_max_attempts": 1}, max_pool_connections=50)
    defaults = {
        "region_name": REGION,
        "aws_access_key_id": ACCESS_KEY,
        "aws_secret_access_key": SECRET_KEY,
        "endpoint_url": endpoint_url,
    }
    wanted = options.pop("config", None)
    if isinstance(wanted, Config):
        config = config.merge(wanted)
    with _making:
        return _bare_session().client(service, config=config, **(defaults | options))


@functools.cache
def _bare_session() -> boto3.Session:
    """Return a session that reads neither profiles nor files of this machine; it keeps the service models."""
    import boto3
    import botocore.session

    nothing = (None, None, None, None)
    no_file = (None, None, os.devnull, None)
    session = botocore.session.Session({"profile": nothing, "config_file": no_file, "credentials_file": no_file})
    return boto3.Session(botocore_session=session)
