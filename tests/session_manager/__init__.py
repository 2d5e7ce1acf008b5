# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The data channel of Session Manager, and a client of it.

Nothing here imports the local AWS, so that the client starts fast.
"""
