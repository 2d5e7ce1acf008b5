# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What time it is in the local AWS, and what happens by itself at which time: schedules and EventBridge's old rules."""
