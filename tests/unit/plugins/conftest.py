# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A local AWS for the plugins under test, empty before each test, and ways to disturb the way to it."""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import hooks
from botocore.client import ClientCreator
from botocore.compat import accepts_kwargs
from botocore.httpsession import URLLib3Session
from botocore.loaders import JSONFileLoader, Loader

from tests.local_aws import LocalAws
from tests.unit.plugins.support import Account, Disturbance, once_for_each


@pytest.fixture(scope="session", autouse=True)
def _clients_are_quick_to_make() -> Iterator[None]:
    """Each new client works out anew what is the same for all of them, which takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", once_for_each(JSONFileLoader.load_file))
        patch.setattr(Loader, "list_available_services", once_for_each(Loader.list_available_services))
        patch.setattr(ClientCreator, "_load_service_model", once_for_each(ClientCreator._load_service_model))
        patch.setattr(ClientCreator, "_create_client_class", once_for_each(ClientCreator._create_client_class))
        patch.setattr(hooks.EventAliaser, "_alias_event_name", once_for_each(hooks.EventAliaser._alias_event_name))
        patch.setattr(hooks, "accepts_kwargs", _accepts_kwargs)
        yield


def _accepts_kwargs(handler: Any) -> bool:
    """What botocore finds by a whole signature."""
    code = getattr(handler, "__code__", None)
    return bool(code.co_flags & inspect.CO_VARKEYWORDS if code else accepts_kwargs(handler))


@pytest.fixture(scope="session")
def _account(_clients_are_quick_to_make: None, server: LocalAws) -> Account:
    return Account(server)


@pytest.fixture
def aws(_account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An empty account, to which this process's environment leads and nowhere else."""
    _account.reset()
    wanted = _account.environ
    for name in [*os.environ, *wanted]:
        if name.startswith("AWS_") or name.lower() == "no_proxy":
            monkeypatch.delenv(name, raising=False)
            if name in wanted:
                monkeypatch.setenv(name, wanted[name])
    return _account


@pytest.fixture
def no_credentials(aws: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take the credentials out of the environment, and let nothing else find any."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


@pytest.fixture
def stranger(aws: Account) -> dict[str, str]:
    """Credentials of a user of the account who may do nothing, as options of a plugin or module."""
    iam = aws.client("iam")
    iam.create_user(UserName="stranger")
    key = iam.create_access_key(UserName="stranger")["AccessKey"]
    return {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let no code wait, and note how long it would have."""
    taken: list[float] = []
    monkeypatch.setattr(time, "sleep", taken.append)
    return taken


@pytest.fixture
def disturbance(monkeypatch: pytest.MonkeyPatch) -> Disturbance:
    """A hand on the line to AWS."""
    made = Disturbance(URLLib3Session.send)
    monkeypatch.setattr(URLLib3Session, "send", lambda session, request: made.send(session, request))
    return made
