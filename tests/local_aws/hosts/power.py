# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Boots and stops hosts, in threads of its own."""

from __future__ import annotations

import base64
import contextlib
import shutil
import subprocess
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.local_aws.hosts.ends import Ends
from tests.local_aws.hosts.fleet import Fleet
from tests.local_aws.hosts.host import Host, HostIsOffError, make_folders
from tests.local_aws.hosts.processes import write_program
from tests.local_aws.hosts.settings import Settings

_BOOTS_AT_A_TIME = 4


class Power:
    """Switches hosts on and off; all of its methods are called under the fleet's lock."""

    def __init__(self, fleet: Fleet, settings: Settings, booted: Callable[[Host], None]) -> None:
        self._fleet = fleet
        self._settings = settings
        self._booted = booted
        self._boots = ThreadPoolExecutor(_BOOTS_AT_A_TIME, thread_name_prefix="boot")
        self.ends = Ends()

    def switch_on(self, host: Host) -> None:
        """Begin a boot."""
        host.switch(on=True)
        self._fleet.enter(host, "pending")
        if self._settings.instant:
            self._is_up(host)
        else:
            self._boots.submit(self._boot, host, host.generation)

    def switch_off(self, host: Host, on_the_way: str, end: str) -> None:
        """Begin to end the host's processes."""
        host.switch(on=False)
        self._fleet.enter(host, end if self._settings.instant else on_the_way)
        if not self._settings.instant:
            generation = host.generation
            self.ends.add(host.id, self._settings.grace, lambda: self._is_off(host, generation, end))

    def reboot(self, host: Host) -> None:
        """End the host's processes and boot it again; it counts as running all the time."""
        if self._settings.instant:
            return
        host.switch(on=False)
        generation = host.generation
        self.ends.add(host.id, self._settings.grace, lambda: self._boot_again(host, generation))

    def _boot_again(self, host: Host, generation: int) -> None:
        with self._fleet.lock:
            if host.generation == generation:
                host.switch(on=True)
                self._boots.submit(self._boot, host, host.generation)

    def _boot(self, host: Host, generation: int) -> None:
        try:
            if host.generation != generation:
                return
            make_folders(host.folder)
            if not host.boots:
                self._run_user_data(host)
            with self._fleet.lock:
                if host.generation == generation:
                    self._is_up(host)
        except Exception:  # nobody waits for this thread
            # A host that was ended in the middle has lost its folder, which is no news.
            if host.generation == generation:
                traceback.print_exc()

    def _is_up(self, host: Host) -> None:
        host.boots += 1
        host.up_since = time.monotonic()
        self._fleet.enter(host, "running")
        self._booted(host)

    def _is_off(self, host: Host, generation: int, end: str) -> None:
        if end == "terminated":
            shutil.rmtree(host.folder, ignore_errors=True)
        with self._fleet.lock:
            if host.generation == generation:
                self._fleet.enter(host, end)

    def _run_user_data(self, host: Host) -> None:
        """As cloud-init does: once in an instance's life, and what it says goes to the console."""
        data = base64.b64decode(host.instance.user_data.as_bytes()) if host.instance.user_data else b""
        with (host.folder / "console.log").open("ab") as console:
            if not data.startswith(b"#!"):
                return
            program = host.folder / "user_data"
            write_program(program, data)
            with contextlib.suppress(HostIsOffError, subprocess.TimeoutExpired):
                try:
                    process = host.launch([str(program)], stdin=subprocess.DEVNULL, stdout=console, stderr=console)
                    end = f"exit status {process.wait(self._settings.user_data)}"
                except OSError as error:
                    end = str(error)
                console.write(f"user data: {end}\n".encode())
