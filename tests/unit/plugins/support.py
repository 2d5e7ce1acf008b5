# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of the plugins share."""

from __future__ import annotations

import io
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from tests.local_aws import Call, LocalAws
from tests.local_aws.environment import ACCESS_KEY

REGION = "us-east-1"


def once_for_each(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that remembers its answers, by its first argument, for all objects alike."""
    answers: dict[Any, Any] = {}

    def answer(self: Any, first: Any, *others: Any, **options: Any) -> Any:
        if first not in answers:
            answers[first] = method(self, first, *others, **options)
        return answers[first]

    return answer


class Account:
    """The local AWS, with one client for each service."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._aws.client(service)
        return self._clients[service]

    @cached_property
    def environ(self) -> dict[str, str]:
        return self._aws.environ

    def reset(self) -> None:
        self._aws.reset()

    def put_many(self, bucket: str, keys: list[str]) -> None:
        """Put many empty objects, each in one line on one connection, which boto3 takes three times as long for."""
        host = urlsplit(self._aws.endpoint_url).netloc
        scope = f"{ACCESS_KEY}/20260101/{REGION}/s3/aws4_request"
        headers = f"Host: {host}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={scope}\r\nContent-Length: 0\r\n\r\n"
        for start in range(0, len(keys), 100):
            some = keys[start : start + 100]
            address, port = host.split(":")
            with socket.create_connection((address, int(port))) as line:
                line.sendall("".join(f"PUT /{bucket}/{quote(key)} HTTP/1.1\r\n{headers}" for key in some).encode())
                line.shutdown(socket.SHUT_WR)
                answers = line.makefile("rb").read()
            assert answers.count(b"HTTP/1.1 200 ") == len(some), answers

    def forget_calls(self) -> None:
        self._aws.forget_calls()

    def calls(self) -> list[Call]:
        return self._aws.calls()

    def counts(self) -> dict[str, int]:
        """How often each operation was called."""
        return dict(Counter(call.operation for call in self.calls()))

    def changes(self) -> list[str]:
        """The operations that may have changed something."""
        return [call.operation for call in self.calls() if call.mutating]


@dataclass(frozen=True)
class Outcome:
    """What a module printed, and its exit status."""

    status: int
    result: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.result[key]

    @property
    def changed(self) -> bool:
        """Whether a run that ended well changed something."""
        assert (self.status, self.result.get("failed", False)) == (0, False), self.result
        return self.result["changed"]

    @property
    def msg(self) -> str:
        """What a run that failed says."""
        assert (self.status, self.result.get("failed")) == (1, True), self.result
        return self.result["msg"]

    @property
    def warnings(self) -> list[str]:
        return [warning["event"]["msg"] for warning in self.result.get("warnings", [])]


class RunModule(Protocol):
    def __call__(self, main: Callable[[], None], *, check: bool = False, **args: Any) -> Outcome: ...


class _Body(io.BytesIO):
    def stream(self, **_how: Any) -> Iterator[bytes]:
        yield self.read()


@dataclass
class _Rule:
    needles: tuple[str, ...]
    status: int
    body: str
    left: int


@dataclass
class Disturbance:
    """Answers some requests in the place of the local AWS, for what that cannot be made to say."""

    passed_on: Callable[[Any, AWSPreparedRequest], AWSResponse]
    rules: list[_Rule] = field(default_factory=list)
    rewrites: dict[str, str] = field(default_factory=dict)
    edits: list[tuple[str, str, str]] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)

    def edit(self, needle: str, old: str, new: str) -> None:
        """Change the text of the next answer to such a request."""
        self.edits.append((needle, old, new))

    def rewrite(self, old: str, new: str) -> None:
        """Ask for another URL from now on."""
        self.rewrites[old] = new

    def answer(self, *needles: str, body: str, status: int = 200, times: int = 1) -> None:
        """Answer the next requests that hold all the needles in method, URL and body."""
        self.rules.append(_Rule(needles, status, body, times))

    def fail(self, *needles: str, code: str, message: str = "made up", times: int = 1000) -> None:
        """Answer with an error, in a shape that EC2's and S3's clients both read."""
        detail = f"<Code>{code}</Code><Message>{message}</Message>"
        root = "Response" if any("Action=" in needle for needle in needles) else "Error"
        body = f"<{root}><Errors><Error>{detail}</Error></Errors></{root}>" if root == "Response" else detail
        self.answer(*needles, body=body if root == "Response" else f"<Error>{body}</Error>", status=400, times=times)

    def hide_instances(self, *needles: str, times: int = 2) -> None:
        """Let the next DescribeInstances, those of one look, show none, as EC2 does while it is not consistent yet."""
        body = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>"
        self.answer("Action=DescribeInstances&", *needles, body=body, times=times)

    def hide(self, instance_id: str, *, times: int) -> None:
        """Let the next DescribeInstances show all but this one."""
        self.hidden += [instance_id] * times

    def send(self, session: Any, request: AWSPreparedRequest) -> AWSResponse:
        body = request.body or b""
        text = f"{request.method} {request.url} {body.decode() if isinstance(body, bytes) else body}"
        for rule in self.rules:
            if rule.left and all(needle in text for needle in rule.needles):
                rule.left -= 1
                return AWSResponse(request.url, rule.status, {}, _Body(rule.body.encode()))
        for old, new in self.rewrites.items():
            request.url = request.url.replace(old, new)
        response = self.passed_on(session, request)
        if self.hidden and "Action=DescribeInstances&" in text:
            response = _without(self.hidden.pop(), response)
        for edit in [edit for edit in self.edits if edit[0] in text][:1]:
            self.edits.remove(edit)
            changed = response.content.replace(edit[1].encode(), edit[2].encode())
            response = AWSResponse(response.url, response.status_code, response.headers, _Body(changed))
        return response


def _without(instance_id: str, response: AWSResponse) -> AWSResponse:
    items = re.sub(
        rf"<item>\s*<reservationId>(?:(?!</reservationId>).)*</reservationId>(?:(?!<reservationId>).)*?{instance_id}"
        r"(?:(?!<reservationId>).)*(?=<item>\s*<reservationId>|</reservationSet>)",
        "",
        response.content.decode(),
        flags=re.DOTALL,
    )
    return AWSResponse(response.url, response.status_code, response.headers, _Body(items.encode()))
