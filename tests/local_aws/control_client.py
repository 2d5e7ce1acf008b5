# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks the control API of an endpoint."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from tests.local_aws.control import PREFIX


def ask(endpoint_url: str, method: str, name: str, arguments: dict[str, Any] | None = None) -> Any:
    """Return what the control API answers, as Python's own values."""
    # Not urllib: a proxy that this machine's environment names must not be asked.
    connection = http.client.HTTPConnection(urlsplit(endpoint_url).netloc, timeout=60)
    try:
        connection.request(method, PREFIX + name, json.dumps(arguments) if arguments else None)
        answer = connection.getresponse()
        document = json.loads(answer.read())
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{method} {name}: {document}")
    return document
