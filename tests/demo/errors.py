# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the demo says when it cannot show what it should."""

from __future__ import annotations


class DemoError(Exception):
    """Its text is a sentence or more, for the person who watches."""
