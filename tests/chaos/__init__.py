# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fault campaign: runs are disturbed and killed at seeded points, and nothing may be lost or doubled."""
