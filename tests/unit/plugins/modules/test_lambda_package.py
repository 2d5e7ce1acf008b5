# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module lambda_package."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils import _lambda_package
from ansible_collections.algotrading.aws.plugins.modules import lambda_package

from tests.unit.plugins.support import Account, Outcome, RunModule

# What this package was when the module was written: another digest anywhere means that it is not reproducible.
DIGEST = "251945dc87088c8d62672ec15206a3bd6487037339e646a7a90bbcf452d4800d"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class Project:
    """Sources in a folder, and the module applied to them."""

    def __init__(self, root: Path, run_module: RunModule) -> None:
        self.root, self.run_module = root, run_module
        self.code = root / "code"
        self.package = root / "out.zip"
        self.write("code/lambda_function.py", "def lambda_handler(event, context):\n    return event\n")
        self.write("code/common/mail.py", "SENDER = 'me'\n")
        self.write("code/run.sh", "#!/bin/bash\n").chmod(0o755)

    def write(self, name: str, text: str = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, *sources: dict[str, Any], check: bool = False, **options: Any) -> Outcome:
        wanted = list(sources) or [{"src": str(self.code)}]
        given = {"path": str(self.package), "sources": wanted, **options}
        return self.run_module(lambda_package.main, check=check, **given)

    def fails(self, *sources: dict[str, Any], check: bool = False, **options: Any) -> str:
        """What a run says that fails, without what all such runs say."""
        prefix = f"Cannot make the package {options.get('path', self.package)}: "
        message = self.run(*sources, check=check, **options).msg
        assert message.startswith(prefix)
        return message.removeprefix(prefix).replace(str(self.root), "ROOT")

    @property
    def names(self) -> list[str]:
        with zipfile.ZipFile(self.package) as package:
            return package.namelist()


@pytest.fixture
def project(tmp_path: Path, run_module: RunModule) -> Project:
    return Project(tmp_path, run_module)


def test_a_package_is_made_and_described(project: Project) -> None:
    outcome = project.run()
    assert outcome.changed
    content = project.package.read_bytes()
    digest = hashlib.sha256(content)
    assert (outcome["path"], outcome["code_size"]) == (str(project.package), len(content))
    assert outcome["sha256"] == digest.hexdigest()
    assert outcome["code_sha256"] == base64.b64encode(digest.digest()).decode()
    assert outcome["files"] == project.names == ["common/mail.py", "lambda_function.py", "run.sh"]
    assert project.package.stat().st_mode == project.write("another file").stat().st_mode


def test_the_digest_is_the_one_that_lambda_tells(project: Project, aws: Account) -> None:
    outcome = project.run()
    role = aws.client("iam").create_role(RoleName="echo", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    function = aws.client("lambda").create_function(
        FunctionName="echo",
        Runtime="python3.13",
        Role=role,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": project.package.read_bytes()},
    )
    assert function["CodeSha256"] == outcome["code_sha256"]


def test_a_second_run_leaves_the_package_alone(project: Project) -> None:
    project.run()
    before = project.package.stat()
    outcome = project.run()
    assert not outcome.changed
    after = project.package.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert outcome["diff"]["before"] == outcome["diff"]["after"]


def test_the_same_sources_give_the_same_bytes_anywhere_and_at_any_time(project: Project, run_module: RunModule) -> None:
    digest = project.run()["sha256"]
    other = Project(project.root / "another folder", run_module)
    for number, path in enumerate(sorted(other.code.rglob("*"), reverse=True)):
        os.utime(path, (number, 1_000_000_000 + number))
    (other.code / "lambda_function.py").chmod(0o600)
    (other.code / "run.sh").chmod(0o700)
    assert other.run()["sha256"] == digest
    assert other.package.read_bytes() == project.package.read_bytes()


def test_a_package_made_long_ago_was_the_same(project: Project) -> None:
    assert project.run()["sha256"] == DIGEST


def test_only_the_executable_bit_of_permissions_counts(project: Project) -> None:
    project.run()
    with zipfile.ZipFile(project.package) as package:
        modes = {info.filename: oct(info.external_attr >> 16) for info in package.infolist()}
        assert {info.date_time for info in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.compress_type for info in package.infolist()} == {zipfile.ZIP_STORED}
    assert modes == {"common/mail.py": "0o100644", "lambda_function.py": "0o100644", "run.sh": "0o100755"}


def test_a_file_that_becomes_executable_is_a_change(project: Project) -> None:
    project.run()
    (project.code / "lambda_function.py").chmod(0o755)
    outcome = project.run()
    assert outcome.changed
    assert outcome["diff"]["before"]["lambda_function.py"].startswith("mode 0644, ")
    assert outcome["diff"]["after"]["lambda_function.py"].startswith("mode 0755, ")


def test_deflated_is_smaller_and_unpacks_to_the_same(project: Project) -> None:
    text = "x = 1\n" * 10_000
    project.write("code/long.py", text)
    stored = project.run()["code_size"]
    outcome = project.run(compression="deflated")
    assert outcome.changed
    assert outcome["code_size"] < stored / 10
    assert not project.run(compression="deflated").changed
    with zipfile.ZipFile(project.package) as package:
        assert package.read("long.py").decode() == text


@pytest.mark.parametrize("there", [b"", b"not a zip"])
def test_check_mode_says_the_same_and_writes_nothing(project: Project, there: bytes) -> None:
    if there:
        project.package.write_bytes(there)
    announced = project.run(check=True)
    assert announced.changed
    assert announced["diff"]["before"] == {}
    assert (project.package.read_bytes() if project.package.exists() else b"") == there
    done = project.run()
    for key in ("changed", "path", "code_size", "sha256", "code_sha256", "files", "diff"):
        assert announced[key] == done[key]


def test_check_mode_needs_no_folder_that_an_earlier_task_would_make(project: Project) -> None:
    path = str(project.root / "build" / "out.zip")
    assert project.run(path=path, check=True).changed
    assert project.fails(path=path) == "the folder ROOT/build does not exist: create it first"


def test_caches_and_hidden_files_are_left_out(project: Project) -> None:
    digest = project.run()["sha256"]
    for name in ("__pycache__/a.cpython-313.pyc", "common/__pycache__/x", "old.pyc", ".env", ".git/config"):
        project.write(f"code/{name}")
    assert project.run()["sha256"] == digest


def test_patterns_apply_to_what_is_found_and_not_to_what_is_named(project: Project) -> None:
    project.write("code/tests/test_mail.py")
    project.write("code/common/test_mail.py")
    hidden = project.write(".settings")
    project.run({"src": str(project.code)}, {"src": str(hidden)}, exclude=["test*", "*.sh"])
    assert project.names == [".settings", "common/mail.py", "lambda_function.py"]


@pytest.mark.parametrize(
    ("dest", "name"),
    [
        ("", "one.py"),
        ("lambda_function.py", "lambda_function.py"),
        ("folder/", "folder/one.py"),
        ("folder/two.py", "folder/two.py"),
        ("./", "one.py"),
        (".", "one.py"),
    ],
)
def test_a_file_gets_its_place(project: Project, dest: str, name: str) -> None:
    one = project.write("one.py")
    project.run({"src": str(one), "dest": dest})
    assert project.names == [name]


@pytest.mark.parametrize(("dest", "prefix"), [("", ""), ("lib", "lib/"), ("lib/", "lib/"), ("a/b", "a/b/")])
def test_the_content_of_a_folder_gets_its_place(project: Project, dest: str, prefix: str) -> None:
    project.run({"src": str(project.code), "dest": dest})
    assert project.names == [f"{prefix}{name}" for name in ("common/mail.py", "lambda_function.py", "run.sh")]


def test_sources_are_packed_together_in_the_order_of_names(project: Project) -> None:
    shared, script = project.write("shared/b.py").parent, project.write("a.sh")
    sources = [{"src": str(script)}, {"src": str(shared), "dest": "shared"}, {"src": str(project.code)}]
    first = project.run(*sources)
    assert first["files"] == ["a.sh", "common/mail.py", "lambda_function.py", "run.sh", "shared/b.py"]
    assert project.run(*reversed(sources))["sha256"] == first["sha256"]


def test_a_package_in_its_own_source_is_not_packed_into_itself(project: Project) -> None:
    path = str(project.code / "out.zip")
    assert project.run(path=path).changed
    assert not project.run(path=path).changed


def test_links_inside_are_packed_as_what_they_lead_to(project: Project) -> None:
    (project.code / "post.py").symlink_to("common/mail.py")
    (project.code / "shared").symlink_to("common")
    link = project.root / "link"
    link.symlink_to("code")
    outcome = project.run({"src": str(link)})
    assert [name for name in outcome["files"] if "post" in name or "shared" in name] == ["post.py", "shared/mail.py"]
    with zipfile.ZipFile(project.package) as package:
        assert package.read("post.py") == package.read("shared/mail.py") == b"SENDER = 'me'\n"


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("../secret", "leads to ROOT/secret, outside of its source ROOT/code: exclude or replace it"),
        ("../outside", "leads to ROOT/outside, outside of its source ROOT/code: exclude or replace it"),
        ("nowhere", "leads to ROOT/code/nowhere, which does not exist: exclude or replace it"),
        ("../code", "leads back to ROOT/code, which it lies in: exclude it"),
    ],
)
def test_links_that_lead_elsewhere_are_refused(project: Project, target: str, reason: str, check: bool) -> None:
    project.write("secret", "secret")
    project.write("outside/file")
    (project.code / "link").symlink_to(target)
    assert project.fails(check=check) == f"the link ROOT/code/link {reason}"
    assert not project.package.exists()


def test_what_is_neither_file_nor_folder_is_refused(project: Project) -> None:
    os.mkfifo(project.code / "pipe")
    assert project.fails() == "ROOT/code/pipe is neither a file nor a folder: exclude it"


def test_two_files_of_one_name_are_refused(project: Project) -> None:
    project.write("other/run.sh")
    sources = [{"src": str(project.code)}, {"src": str(project.root / "other")}]
    reason = "both ROOT/code/run.sh and ROOT/other/run.sh would be run.sh in it: move one of them"
    assert project.fails(*sources) == reason


def test_a_file_in_the_place_of_a_folder_is_refused(project: Project) -> None:
    common = project.write("common.txt")
    reason = "ROOT/common.txt would be common in it, a folder of ROOT/code/common/mail.py"
    assert project.fails({"src": str(project.code)}, {"src": str(common), "dest": "common"}) == reason


@pytest.mark.parametrize("dest", ["/etc", "../up", "a/../../up"])
def test_a_place_outside_of_the_package_is_refused(project: Project, dest: str) -> None:
    reason = f"the place {dest} of ROOT/code is not inside the package: give a relative one without .."
    assert project.fails({"src": str(project.code), "dest": dest}) == reason


def test_a_source_that_is_missing_is_refused(project: Project) -> None:
    assert project.fails({"src": str(project.root / "no")}) == "the source ROOT/no does not exist"


def test_a_package_of_nothing_is_refused(project: Project) -> None:
    assert project.fails(exclude=["*"]) == "no file is left to pack: look at sources and exclude"


def test_a_path_that_is_a_folder_is_an_error(project: Project) -> None:
    path = str(project.root / "shared")
    (project.root / "shared").mkdir()
    assert project.fails(path=path) == "ROOT/shared: Is a directory"


@pytest.mark.parametrize(
    ("compression", "advice"),
    [("stored", "set compression to deflated"), ("deflated", "leave files out by exclude")],
)
def test_a_package_that_lambda_would_not_take_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch, compression: str, advice: str
) -> None:
    monkeypatch.setattr(_lambda_package, "MAX_PACKAGE", 100)
    reason = project.fails(compression=compression)
    assert reason.endswith(f"and Lambda takes 50 MB: {advice}, or use a layer")
    assert not project.package.exists()


def test_files_that_lambda_would_not_unpack_are_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with (project.code / "data").open("wb") as file:
        file.truncate(251 * 1024 * 1024)
    assert project.fails() == "its files have 251.0 MB, and Lambda takes 250 MB: leave some out"


def test_a_package_is_replaced_in_one_step(project: Project) -> None:
    project.run()
    with project.package.open("rb") as reader:
        project.write("code/new.py")
        project.run()
        old = reader.read()
    with zipfile.ZipFile(io.BytesIO(old)) as package:
        assert package.testzip() is None
    assert "new.py" in project.names
    assert sorted(path.name for path in project.root.iterdir()) == ["code", "out.zip"]


def test_aws_is_asked_nothing(project: Project, aws: Account, no_credentials: None) -> None:
    aws.forget_calls()
    project.run()
    assert not aws.calls()
