# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last part: moto, in this process."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from werkzeug.datastructures import Headers

from tests.local_aws.errors import AwsError
from tests.local_aws.front import AskNext
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.moto_speed import speed_up_moto

if TYPE_CHECKING:
    from flask import Flask
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

# moto reads these when it is imported.
_SETTINGS = {
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "MOTO_ENABLE_AMI_VALIDATION": "true",
    "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
    "MOTO_DISABLE_GLOBAL_CORS": "true",
    "MOTO_ACCOUNT_ID": "123456789012",
}
# moto calls a command that it never ran a success; a part that really runs things stands before this one.
_RUNS_NOTHING = {("ssm", "SendCommand"), ("lambda", "Invoke"), ("lambda", "InvokeAsync")}
_PRELOADED = ("ec2", "iam", "s3", "sts", "ssm")


def configure_moto() -> None:
    """Set what moto reads from the environment at import; call it before the first import."""
    os.environ.update(_SETTINGS)


class ControlPlane:
    """Passes every request to moto."""

    def __init__(self) -> None:
        self._app: DomainDispatcherApplication | None = None

    def preload(self) -> None:
        """Import the services that every run needs, while the caller still starts up."""
        from moto.backends import get_backend

        self._moto()
        for service in _PRELOADED:
            get_backend(service)  # type: ignore[call-overload]  # moto's overloads want a literal

    def handle(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """Return moto's answer, or say in one sentence that there is none."""
        from werkzeug.test import run_wsgi_app

        if (request.service, request.operation) in _RUNS_NOTHING:
            raise _not_implemented(request, "Nothing runs here.")
        try:
            body, status, headers = run_wsgi_app(self._moto(), request.environ(), buffered=True)
        except NotImplementedError as error:
            raise _not_implemented(request, str(error)) from error
        response = AwsResponse(int(status.split()[0]), Headers(list(headers)), b"".join(body))
        if _is_flasks_own_page(request, response):
            raise _not_implemented(request, "")
        return response

    def reset(self) -> None:
        """Empty moto's account."""
        from moto.core.base_backend import BackendDict
        from moto.core.model_instances import reset_model_data

        BackendDict.reset()
        reset_model_data()

    def _moto(self) -> DomainDispatcherApplication:
        if self._app is None:
            from moto.moto_server import werkzeug_app

            speed_up_moto()
            _let_labels_hold_newlines()
            self._app = werkzeug_app.DomainDispatcherApplication(_propagating(werkzeug_app.create_backend_app))
        return self._app


def _let_labels_hold_newlines() -> None:
    """moto's routes are regular expressions in which a dot ends at a newline; an S3 key may hold one."""
    from moto.moto_server import werkzeug_app
    from werkzeug.routing import Map

    class MultilineConverter(werkzeug_app.RegexConverter):
        def __init__(self, url_map: Map, *items: str) -> None:
            super().__init__(url_map, *items)
            self.regex = f"(?s:{self.regex})"

    werkzeug_app.RegexConverter = MultilineConverter  # type: ignore[misc]  # moto's own is replaced


def _is_flasks_own_page(request: AwsRequest, response: AwsResponse) -> bool:
    """Say whether moto has no route at all for the request."""
    if response.status == 404 and not response.body:
        return request.method != "HEAD"
    return response.body.lower().startswith(b"<!doctype html")


def _propagating(create_app: Callable[..., Flask]) -> Callable[..., Flask]:
    """Let moto's exceptions reach us; Flask would make a page of HTML of them."""

    def create(service: str) -> Flask:
        app = create_app(service)
        app.testing = True
        return app

    return create


def _not_implemented(request: AwsRequest, detail: str) -> AwsError:
    name = f"{request.service}:{request.operation or request.method + ' ' + request.path}"
    message = f"The local AWS does not implement {name}. {detail}".strip()
    return AwsError("NotImplementedByLocalAws", message, 501)
