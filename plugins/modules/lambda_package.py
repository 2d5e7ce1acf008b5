#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: lambda_package
version_added: 0.1.0
short_description: Make a reproducible zip for AWS Lambda
description:
  - Makes a deployment package (zip) for AWS Lambda from files and folders.
  - The same sources give the same package, byte for byte, on another machine, in another folder and at another time.
    So M(amazon.aws.lambda), which compares digests, updates a function only when its code has changed.
  - Files are sorted by name and have a fixed time. Of their permissions only the owner's executable bit counts, so that
    each file is C(0644) or C(0755). Folders have no entries of their own, so that empty ones are left out.
  - A symbolic link is packed as what it leads to. One that leads out of its source folder is an error.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  path:
    description:
      - Where the package is written. Its folder must exist.
      - If it lies in a source folder, it is not packed into itself.
    type: path
    required: true
  sources:
    description: What is packed.
    type: list
    elements: dict
    required: true
    suboptions:
      src:
        description: A file or a folder.
        type: path
        required: true
      dest:
        description:
          - The place in the package. By default its root.
          - The content of a folder is put into this folder.
          - A file gets this name, or keeps its own name in this folder if it ends with a slash.
        type: str
        default: ""
  exclude:
    description:
      - Shell patterns. A file or folder inside a source folder is left out, at any depth, if its own name matches one.
      - They do not apply to what O(sources[].src) names itself.
    type: list
    elements: str
    default: [__pycache__, "*.pyc", ".*"]
  compression:
    description:
      - With V(stored), files are not compressed. The package is then the same with every version of Python and zlib.
      - With V(deflated), files are compressed as far as zlib can, and the package may differ between versions of zlib.
    type: str
    choices: [stored, deflated]
    default: stored
extends_documentation_fragment:
  - algotrading.aws.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - The module asks nothing of AWS, and needs neither boto3 nor permissions there. It takes the options of a connection
    so that the defaults of the action group fit it, and ignores them.
  - Lambda takes packages of at most 50 MB in a request, and 250 MB of files in them. More is an error.
seealso:
  - module: amazon.aws.lambda
  - module: amazon.aws.lambda_layer
"""

EXAMPLES = r"""
- name: Pack a function and the library that it shares with others
  algotrading.aws.lambda_package:
    path: /tmp/report.zip
    sources:
      - src: "{{ playbook_dir }}/files/report"
      - src: "{{ playbook_dir }}/files/common"
        dest: report_common
  register: package

- name: Deploy it, which changes nothing as long as the sources are the same
  amazon.aws.lambda:
    name: report
    runtime: python3.13
    handler: lambda_function.lambda_handler
    role: arn:aws:iam::123456789012:role/report
    zip_file: "{{ package.path }}"

- name: Pack a function with its dependencies, but without their tests
  algotrading.aws.lambda_package:
    path: /tmp/numbers.zip
    sources:
      - src: build/site-packages
      - src: numbers.py
        dest: lambda_function.py
    exclude: [__pycache__, "*.pyc", ".*", tests]
    compression: deflated
"""

RETURN = r"""
path:
  description: Where the package is.
  returned: always
  type: str
  sample: /tmp/report.zip
code_size:
  description: The package's size in bytes.
  returned: always
  type: int
  sample: 20480
sha256:
  description: The package's SHA-256 digest in hexadecimal digits.
  returned: always
  type: str
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
code_sha256:
  description: The same digest in Base64, as Lambda tells it of a function's code.
  returned: always
  type: str
  sample: n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=
files:
  description: The names of the files in the package.
  returned: always
  type: list
  elements: str
  sample: [lambda_function.py, report_common/mail.py]
"""

import base64
import hashlib
import os
import tempfile
from pathlib import Path

from ansible_collections.algotrading.aws.plugins.module_utils._lambda_package import (
    COMPRESSIONS,
    PackageError,
    build,
    collect,
    describe,
    read_package,
)
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def write_package(module: AnsibleAWSModule, path: Path, content: bytes) -> None:
    """Put the package into its place in one step, so that nobody ever reads half of it."""
    if not path.parent.is_dir():
        raise PackageError(f"the folder {path.parent} does not exist: create it first")
    handle, temporary = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    module.atomic_move(temporary, str(path))


def ensure_package(module: AnsibleAWSModule, path: Path, before: bytes | None, content: bytes) -> bool:
    """Write the package when it differs, and say whether it does."""
    if before == content:
        return False
    if not module.check_mode:
        write_package(module, path, content)
    return True


def main() -> None:
    source = {
        "src": {"type": "path", "required": True},
        "dest": {"type": "str", "default": ""},
    }
    argument_spec = {
        "path": {"type": "path", "required": True},
        "sources": {"type": "list", "elements": "dict", "required": True, "options": source},
        "exclude": {"type": "list", "elements": "str", "default": ["__pycache__", "*.pyc", ".*"]},
        "compression": {"type": "str", "choices": list(COMPRESSIONS), "default": "stored"},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True, check_boto3=False)
    path = Path(module.params["path"])
    try:
        sources = [(source["src"], source["dest"]) for source in module.params["sources"]]
        entries = collect(sources, module.params["exclude"], path)
        content = build(entries, module.params["compression"])
        before = read_package(path)
        changed = ensure_package(module, path, before, content)
    except PackageError as error:
        module.fail_json(msg=f"Cannot make the package {path}: {error}")
    except OSError as error:
        module.fail_json(msg=f"Cannot make the package {path}: {error.filename}: {error.strerror}")
    digest = hashlib.sha256(content)
    module.exit_json(
        changed=changed,
        path=str(path),
        code_size=len(content),
        sha256=digest.hexdigest(),
        code_sha256=base64.b64encode(digest.digest()).decode(),
        files=[entry.name for entry in entries],
        diff={"before": describe(before or b""), "after": describe(content)},
    )


if __name__ == "__main__":
    main()
