# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What runs in the process of one invocation: `python -I bootstrap.py FOLDER`, which holds request.json and event.json.

It writes the handler's answer to FOLDER/response, or its failure to FOLDER/error. It imports nothing of ours, since
the function is to see the standard library, boto3 and its own zip only.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

TASK_ROOT = "/var/task"


class LambdaError(Exception):
    """Lambda's own complaint about a function."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Context:
    """What a handler gets as its second argument."""

    identity = None
    client_context = None

    def __init__(self, deadline: float, fields: dict[str, str]) -> None:
        self._deadline = deadline
        self.aws_request_id = fields["aws_request_id"]
        self.function_name = fields["function_name"]
        self.function_version = fields["function_version"]
        self.invoked_function_arn = fields["invoked_function_arn"]
        self.memory_limit_in_mb = fields["memory_limit_in_mb"]
        self.log_group_name = fields["log_group_name"]
        self.log_stream_name = fields["log_stream_name"]

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of the function's timeout."""
        return max(0, int((self._deadline - time.time()) * 1000))


def main(folder: Path) -> None:
    """Run the handler once, then end at once, whatever threads it left behind."""
    _die_with_the_server()
    request = json.loads((folder / "request.json").read_text())
    _log_as_lambda(request["context"]["aws_request_id"])
    sys.path.insert(0, request["task_root"])
    try:
        handler = _load(request["handler"])
        event = json.loads((folder / "event.json").read_text())
        answer = handler(event, Context(request["deadline"], request["context"]))
        (folder / "response").write_text(_marshal(answer))
    except Exception as error:  # whatever the function raises is its answer
        document = _describe(error, request["task_root"])
        _print_failure(document)
        (folder / "error").write_text(json.dumps(document | {"requestId": request["context"]["aws_request_id"]}))
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _die_with_the_server() -> None:
    """The server holds the other end of standard input; the kernel closes it however the server ends."""
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def watch() -> None:
        while os.read(pipe, 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _log_as_lambda(request_id: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    form = f"[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t{request_id}\t%(message)s"
    formatter = logging.Formatter(form, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)


def _load(name: str) -> Callable[[Any, Context], Any]:
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        message = f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        raise LambdaError("Runtime.MalformedHandlerName", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise LambdaError("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        raise LambdaError("Runtime.UserCodeSyntaxError", message) from error
    handler: Callable[[Any, Context], Any] | None = getattr(module, function_name, None)
    if handler is None:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise LambdaError("Runtime.HandlerNotFound", message)
    return handler


def _marshal(answer: object) -> str:
    try:
        return json.dumps(answer, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise LambdaError("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def _describe(error: Exception, task_root: str) -> dict[str, Any]:
    if isinstance(error, LambdaError):
        return {"errorMessage": str(error), "errorType": error.kind, "stackTrace": []}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    lines = [line.replace(task_root, TASK_ROOT) for line in traceback.format_list(frames)]
    return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": lines}


def _print_failure(document: dict[str, Any]) -> None:
    print(f"[ERROR] {document['errorType']}: {document['errorMessage']}")
    if document["stackTrace"]:
        print("Traceback (most recent call last):")
        print("".join(document["stackTrace"]), end="")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
