"""A machine of its own for a test: real systemd as init, over an overlay of this machine's root.

systemd-nspawn boots it in less than a second, with a private network and an empty journal. Whatever
a test does in there is gone with the machine, and nothing of it touches this one.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from support.deadlines import DEADLINE, eventually
from support.wire import TEXT, Wire, close_frame, frame

# What a Debian machine starts that has nothing to do here, or no device to do it with.
MASKED = [
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "console-getty.service",
    "cron.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "getty.target",
    "man-db.timer",
    "postgresql.service",
    "rsyslog.service",
    "ssh.service",
    "systemd-logind.service",
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-networkd-wait-online.service",
    "systemd-resolved.service",
    "systemd-timesyncd.service",
    "systemd-update-utmp.service",
]

# Joins the control groups whose files are named before "--", and becomes what is named after it.
JOIN_GROUPS = [
    "bash",
    "-euc",
    'while [[ $1 != -- ]]; do echo $$ >"$1"; shift; done; shift; exec "$@"',
    "bash",
]

# SIGRTMIN+4 asks systemd to power off, see systemd(1); glibc's SIGRTMIN is 34.
POWER_OFF = 38
CLONE_NEWNET = 0x40000000
BOOT_DEADLINE = 60.0

Entry = dict[str, str]

libc = ctypes.CDLL(None, use_errno=True)


class Machine:
    """A booted machine: its files, its commands, its network, its journal."""

    def __init__(self, leader: int, base: Path) -> None:
        self.leader = leader
        self._changes = base / "changes"

    # Files and commands

    def path(self, path: str) -> Path:
        """A path of the machine, to read and write from here."""
        return Path(f"/proc/{self.leader}/root") / path.lstrip("/")

    def command(self, *command: str) -> list[str]:
        """What runs a command inside."""
        return ["nsenter", "--all", f"--target={self.leader}", "--", *command]

    def try_run(self, *command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Runs a command inside to its end, whatever that is."""
        return subprocess.run(
            self.command(*command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"},
        )

    def run(self, *command: str, timeout: float = 60) -> str:
        """Runs a command inside, which must succeed; what it said on standard output."""
        done = self.try_run(*command, timeout=timeout)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def changed(self) -> set[str]:
        """What has been written to the disk, or removed from it, since the boot.

        A folder in which something was written is no change itself unless it is new.
        """
        return {
            str(path.relative_to(self._changes))
            for path in self._changes.rglob("*")
            if not path.is_dir() or not ("/" / path.relative_to(self._changes)).is_dir()
        }

    def shell(self, script: str) -> str:
        """Runs a script as an administrator would type it."""
        return self.run("bash", "-euc", script)

    # systemd

    def show(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.run("systemctl", "show", "--value", "--property", name, unit)

    def main_pid(self) -> int:
        """The number of the relay's process inside; 0: there is none."""
        return int(self.show("wsrelay", "MainPID"))

    def wait_restarted(self, old: int, deadline: float = DEADLINE) -> int:
        """Waits until the relay runs as another process, and returns its number."""

        def restarted() -> bool:
            lines = self.run("systemctl", "show", "-p", "MainPID,SubState", "wsrelay").splitlines()
            state = dict(line.split("=", 1) for line in lines)
            return state["SubState"] == "running" and state["MainPID"] != str(old)

        eventually(restarted, "the relay runs again", deadline)
        return self.main_pid()

    def pid_here(self, inside: int) -> int:
        """The number here of a process that has another one inside."""
        space = os.readlink(f"/proc/{self.leader}/ns/pid")
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                if os.readlink(status.parent / "ns/pid") != space:
                    continue
                lines = status.read_text().splitlines()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            numbers = next(line for line in lines if line.startswith("NSpid:")).split()
            if int(numbers[-1]) == inside:
                return int(status.parent.name)
        raise AssertionError(f"no process {inside} in the machine")

    # The network

    @contextmanager
    def network(self) -> Iterator[None]:
        """Sockets made inside this block are the machine's, and stay so after it."""
        with open("/proc/self/ns/net") as ours, open(f"/proc/{self.leader}/ns/net") as theirs:
            enter_network(theirs)
            try:
                yield
            finally:
                enter_network(ours)

    def connect(self, port: int = 8080, path: str = "/echo") -> Wire:
        """A WebSocket connection to a relay inside."""
        with self.network():
            return Wire.open(port, path)

    def echo(self, port: int = 8080, path: str = "/echo") -> None:
        """A whole conversation with an echo route: the relay serves."""
        with self.connect(port, path) as wire:
            wire.send(frame(TEXT, b"hello"))
            assert wire.read_frame().payload == b"hello"
            wire.finish()

    # The journal

    def journal(self, *matches: str, unit: str = "wsrelay") -> list[Entry]:
        """The unit's entries that match, from the boot on."""
        self.run("journalctl", "--sync")
        text = self.run("journalctl", "--unit", unit, "--output", "json", "--all", *matches)
        return [
            {key: str(value) for key, value in json.loads(line).items()}
            for line in text.splitlines()
        ]

    def wait_entries(self, count: int, *matches: str) -> list[Entry]:
        """Waits until so many entries match."""
        found: list[Entry] = []

        def enough() -> bool:
            found[:] = self.journal(*matches)
            return len(found) >= count

        eventually(enough, f"{count} entries {matches}")
        return found

    def wait_message(self, text: str) -> None:
        """Waits until a message has this text in it."""
        eventually(lambda: text in self.messages(), f"in the journal: {text}")

    def messages(self, *matches: str) -> str:
        """The messages of the entries that match, a line each."""
        return "\n".join(entry["MESSAGE"] for entry in self.journal(*matches))


def answer_close(wire: Wire) -> int | None:
    """The client's part of a closing handshake that the relay begins; the code it gave."""
    code, _ = wire.read_close()
    wire.send(close_frame(code))
    wire.read_to_end()
    wire.fin()
    return code


def enter_network(namespace: IO[str]) -> None:
    if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def booted() -> Iterator[Machine]:
    """A machine that has booted; it is gone at the end of the block, whatever happened in it."""
    base = Path(tempfile.mkdtemp(prefix="wsrelay-system-"))
    mounts: list[Path] = []
    groups = control_groups(base.name)
    try:
        root = overlay(base, mounts)
        prepare(root)
        with open(base / "console", "wb") as console:
            nspawn = subprocess.Popen(
                [*JOIN_GROUPS, *(str(group / "cgroup.procs") for group in groups), "--"]
                + ["systemd-nspawn", "--quiet", "--boot", f"--directory={root}"]
                + [f"--machine=wsrelay-{os.getpid()}", "--register=no", "--keep-unit"]
                + ["--private-network", "--link-journal=no", "--resolv-conf=off"]
                + ["--timezone=off", "--console=pipe"],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        try:
            yield wait_boot(nspawn, base)
        finally:
            power_off(nspawn)
    finally:
        for mount in reversed(mounts):
            subprocess.run(["umount", mount], check=True)
        for group in groups:
            remove_group(group)
        shutil.rmtree(base)


def control_groups(name: str) -> list[Path]:
    """New groups below this process's own: without them, machines that run at the same time would
    share one, and each of their systemds find the processes of the other in its services."""
    groups = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "name=systemd":
            tree = Path("/sys/fs/cgroup/systemd")
        elif controllers == "":
            tree = Path("/sys/fs/cgroup")
            if (tree / "unified").exists():
                tree /= "unified"
        else:
            continue
        if (tree / "cgroup.procs").exists():
            groups.append(tree / path.lstrip("/") / name)
    for group in groups:
        group.mkdir()
    return groups


def remove_group(group: Path) -> None:
    """Removes a group whose processes have ended, or are about to; those below it first."""
    for child in group.iterdir():
        if child.is_dir():
            remove_group(child)

    def is_removed() -> bool:
        try:
            group.rmdir()
        except OSError as error:
            # A process that was killed is in its group until it is gone.
            if error.errno != errno.EBUSY:
                raise
            return False
        return True

    eventually(is_removed, f"{group} is empty")


def overlay(base: Path, mounts: list[Path]) -> Path:
    """An overlay of this machine's root, whose changes lie in memory."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4g,mode=755", "tmpfs", base], check=True)
    mounts.append(base)
    for name in ("changes", "work", "root"):
        (base / name).mkdir()
    layers = f"lowerdir=/,upperdir={base}/changes,workdir={base}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, base / "root"], check=True)
    mounts.append(base / "root")
    return base / "root"


def prepare(root: Path) -> None:
    """Makes a copy of this machine's root a machine in its own right, and a quiet one."""
    units = root / "etc/systemd/system"
    units.mkdir(parents=True, exist_ok=True)
    (root / "etc/machine-id").write_text("")
    # A container's image forbids its packages to start services, and may leave out their pages.
    (root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
    for setting in (root / "etc/dpkg/dpkg.cfg.d").glob("*docker*"):
        setting.unlink()
    for unit in MASKED:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    (units / "default.target").unlink(missing_ok=True)
    (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    for folder in (units / "multi-user.target.wants", root / "var/log/journal"):
        shutil.rmtree(folder, ignore_errors=True)
    # With this folder the journal is kept, as on any Debian machine, and has room.
    (root / "var/log/journal").mkdir()


def wait_boot(nspawn: subprocess.Popen[bytes], base: Path) -> Machine:
    def leader() -> int:
        assert nspawn.poll() is None, (base / "console").read_text()
        children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
        return next((int(pid) for pid in children if is_init(int(pid))), 0)

    machine = Machine(eventually(leader, "a leader", BOOT_DEADLINE), base)

    def state() -> bool:
        assert nspawn.poll() is None, (base / "console").read_text()
        done = machine.try_run("systemctl", "is-system-running", "--wait")
        return done.stdout.strip() in ("running", "degraded")

    eventually(state, "the machine has booted", BOOT_DEADLINE)
    machine.run("ip", "link", "set", "lo", "up")
    return machine


def is_init(pid: int) -> bool:
    """Whether a child of nspawn's has become the machine's systemd."""
    try:
        return Path(f"/proc/{pid}/comm").read_text() == "systemd\n"
    except (FileNotFoundError, ProcessLookupError):
        # It ended, before or after its file was opened: nspawn has helpers.
        return False


def power_off(nspawn: subprocess.Popen[bytes]) -> None:
    """Asks the machine to power off, and pulls the plug if it does not."""
    children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children")
    if nspawn.poll() is None:
        for pid in children.read_text().split():
            os.kill(int(pid), POWER_OFF)
    try:
        nspawn.wait(30)
    except subprocess.TimeoutExpired:
        nspawn.send_signal(signal.SIGKILL)
        nspawn.wait()
