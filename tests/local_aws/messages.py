# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the front passes along: a request as AWS's SDKs send it, and its answer."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes

from werkzeug.datastructures import Headers


@dataclass
class AwsResponse:
    """An HTTP answer."""

    status: int
    headers: Headers
    body: bytes = b""
    # The call has taken effect, and its caller is not to learn of it: the connection ends without an answer.
    is_lost: bool = False


@dataclass
class AwsRequest:
    """An HTTP request, and what `identify` found out about it."""

    method: str
    target: str
    headers: Headers
    body: bytes = b""
    service: str = ""
    operation: str = ""
    region: str = ""
    access_key: str = ""
    protocol: str = ""
    uri_params: dict[str, Any] = field(default_factory=dict)
    operation_model: Any = None

    @property
    def path(self) -> str:
        """The path as it came, with its percent signs."""
        return self.target.partition("?")[0] or "/"

    @property
    def query_string(self) -> str:
        """What follows the question mark."""
        return self.target.partition("?")[2]

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """The parameters of the query string."""
        return parse_qs(self.query_string, keep_blank_values=True)

    @cached_property
    def params(self) -> dict[str, Any]:
        """The operation's parameters under their names in the API, as boto3 takes them."""
        from tests.local_aws.identify import parse_params

        return parse_params(self)

    def environ(self) -> dict[str, Any]:
        """Return a WSGI environment, a new one each time since its body is read only once."""
        from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY

        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(self.path).decode("latin-1"),
            "RAW_URI": self.target,
            "REQUEST_URI": self.target,
            "QUERY_STRING": self.query_string,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(self.body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        kept: dict[str, str] = {}
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
            # S3 tells x-amz-meta-a_b from x-amz-meta-a-b; moto finds the first spelling here.
            if "_" in name and name.lower().startswith("x-amz-meta-"):
                kept[f"HTTP_{key}"] = name
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(len(self.body))
        environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = kept
        return environ
