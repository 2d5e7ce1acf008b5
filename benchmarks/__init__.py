# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measures what an environment costs: time, CPU, memory and AWS calls, beside the stack that this one replaces."""
