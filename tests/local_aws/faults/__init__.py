# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes wrong on AWS now and then, by chance but from a seed: refused calls, lost answers, late knowledge."""
