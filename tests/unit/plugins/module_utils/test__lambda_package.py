# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The same zip of the same files, which Lambda takes."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import zipfile
from pathlib import Path

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils import _lambda_package
from ansible_collections.algotrading.aws.plugins.module_utils._lambda_package import PackageError, code_sha256, pack

# What this package was when this was written: another digest anywhere means that it is not reproducible.
DIGEST = "251945dc87088c8d62672ec15206a3bd6487037339e646a7a90bbcf452d4800d"


class Project:
    """Sources in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.code = root / "code"
        self.write("code/lambda_function.py", "def lambda_handler(event, context):\n    return event\n")
        self.write("code/common/mail.py", "SENDER = 'me'\n")
        self.write("code/run.sh", "#!/bin/bash\n").chmod(0o755)

    def write(self, name: str, text: str = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def pack(self, *sources: tuple[Path, str]) -> bytes:
        return pack([(str(src), dest) for src, dest in sources] or [(str(self.code), "")])

    def names(self, *sources: tuple[Path, str]) -> list[str]:
        with _opened(self.pack(*sources)) as package:
            return package.namelist()

    def refusal(self, *sources: tuple[Path, str]) -> str:
        with pytest.raises(PackageError) as refused:
            self.pack(*sources)
        return str(refused.value).replace(str(self.root), "ROOT")


def _opened(package: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(package))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_package_holds_the_files_by_their_names(project: Project) -> None:
    assert project.names() == ["common/mail.py", "lambda_function.py", "run.sh"]


def test_the_digest_is_written_as_lambda_writes_it(project: Project) -> None:
    package = project.pack()
    assert base64.b64decode(code_sha256(package)) == hashlib.sha256(package).digest()


def test_the_same_sources_give_the_same_bytes_anywhere_and_at_any_time(project: Project) -> None:
    other = Project(project.root / "another folder")
    for number, path in enumerate(sorted(other.code.rglob("*"), reverse=True)):
        os.utime(path, (number, 1_000_000_000 + number))
    (other.code / "lambda_function.py").chmod(0o600)
    (other.code / "run.sh").chmod(0o700)
    assert other.pack() == project.pack()


def test_a_package_made_long_ago_was_the_same(project: Project) -> None:
    assert hashlib.sha256(project.pack()).hexdigest() == DIGEST


def test_only_the_executable_bit_of_permissions_counts(project: Project) -> None:
    with _opened(project.pack()) as package:
        modes = {info.filename: oct(info.external_attr >> 16) for info in package.infolist()}
        assert {info.date_time for info in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.compress_type for info in package.infolist()} == {zipfile.ZIP_STORED}
    assert modes == {"common/mail.py": "0o100644", "lambda_function.py": "0o100644", "run.sh": "0o100755"}


def test_a_file_that_becomes_executable_is_a_change(project: Project) -> None:
    before = project.pack()
    (project.code / "lambda_function.py").chmod(0o755)
    assert project.pack() != before


def test_caches_and_hidden_files_are_left_out(project: Project) -> None:
    before = project.pack()
    for name in ("__pycache__/a.cpython-313.pyc", "common/__pycache__/x", "old.pyc", ".env", ".git/config"):
        project.write(f"code/{name}")
    assert project.pack() == before


def test_what_is_named_itself_is_never_left_out(project: Project) -> None:
    hidden = project.write(".settings")
    assert project.names((hidden, "")) == [".settings"]


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
    assert project.names((project.write("one.py"), dest)) == [name]


@pytest.mark.parametrize(("dest", "prefix"), [("", ""), ("lib", "lib/"), ("lib/", "lib/"), ("a/b", "a/b/")])
def test_the_content_of_a_folder_gets_its_place(project: Project, dest: str, prefix: str) -> None:
    wanted = [f"{prefix}{name}" for name in ("common/mail.py", "lambda_function.py", "run.sh")]
    assert project.names((project.code, dest)) == wanted


def test_sources_are_packed_together_in_the_order_of_names(project: Project) -> None:
    shared, script = project.write("shared/b.py").parent, project.write("a.sh")
    sources = [(script, ""), (shared, "shared"), (project.code, "")]
    assert project.names(*sources) == ["a.sh", "common/mail.py", "lambda_function.py", "run.sh", "shared/b.py"]
    assert project.pack(*reversed(sources)) == project.pack(*sources)


def test_links_inside_are_packed_as_what_they_lead_to(project: Project) -> None:
    (project.code / "post.py").symlink_to("common/mail.py")
    (project.code / "shared").symlink_to("common")
    link = project.root / "link"
    link.symlink_to("code")
    with _opened(project.pack((link, ""))) as package:
        assert package.read("post.py") == package.read("shared/mail.py") == b"SENDER = 'me'\n"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("../secret", "leads to ROOT/secret, outside of its source ROOT/code: replace it"),
        ("../outside", "leads to ROOT/outside, outside of its source ROOT/code: replace it"),
        ("nowhere", "leads to ROOT/code/nowhere, which does not exist: replace it"),
        ("../code", "leads back to ROOT/code, which it lies in: remove it"),
    ],
)
def test_links_that_lead_elsewhere_are_refused(project: Project, target: str, reason: str) -> None:
    project.write("secret", "secret")
    project.write("outside/file")
    (project.code / "link").symlink_to(target)
    assert project.refusal() == f"the link ROOT/code/link {reason}"


def test_what_is_neither_file_nor_folder_is_refused(project: Project) -> None:
    os.mkfifo(project.code / "pipe")
    assert project.refusal() == "ROOT/code/pipe is neither a file nor a folder: remove it"


def test_two_files_of_one_name_are_refused(project: Project) -> None:
    other = project.write("other/run.sh").parent
    reason = "both ROOT/code/run.sh and ROOT/other/run.sh would be run.sh in it: move one of them"
    assert project.refusal((project.code, ""), (other, "")) == reason


def test_a_file_in_the_place_of_a_folder_is_refused(project: Project) -> None:
    common = project.write("common.txt")
    reason = "ROOT/common.txt would be common in it, a folder of ROOT/code/common/mail.py"
    assert project.refusal((project.code, ""), (common, "common")) == reason


@pytest.mark.parametrize("dest", ["/etc", "../up", "a/../../up"])
def test_a_place_outside_of_the_package_is_refused(project: Project, dest: str) -> None:
    reason = f"the place {dest} of ROOT/code is not inside the package: give a relative one without .."
    assert project.refusal((project.code, dest)) == reason


def test_a_source_that_is_missing_is_refused(project: Project) -> None:
    assert project.refusal((project.root / "no", "")) == "the source ROOT/no does not exist"


def test_a_package_of_nothing_is_refused(project: Project) -> None:
    (project.root / "empty").mkdir()
    assert project.refusal((project.root / "empty", "")) == "there is no file to pack: look at sources"


def test_a_package_that_lambda_would_not_take_is_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lambda_package, "MAX_PACKAGE", 100)
    assert project.refusal().endswith("and Lambda takes 50 MB: leave some out, or use a layer")


def test_files_that_lambda_would_not_unpack_are_refused(project: Project) -> None:
    with (project.code / "data").open("wb") as file:
        file.truncate(251 * 1024 * 1024)
    assert project.refusal() == "its files have 251.0 MB, and Lambda takes 250 MB: leave some out"


def test_a_file_that_cannot_be_read_is_refused_with_its_name(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", fail)
    assert project.refusal() == "ROOT/code/common/mail.py: Permission denied"
