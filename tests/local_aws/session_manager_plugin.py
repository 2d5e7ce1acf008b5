#!/usr/bin/env python3
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The client of tests/session_manager as a program, to be run by a Python that has the test's requirements."""

from __future__ import annotations

import sys
from pathlib import Path

# This folder's modules must not hide those of others.
sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.session_manager.plugin import main  # noqa: E402 - the path to it is set above

sys.exit(main(sys.argv[1:]))
