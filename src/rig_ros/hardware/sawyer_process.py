"""Starts the side process that owns the arm, or attaches to one that runs. No ROS.

ROS 1 and ROS 2 use the same module names, so the side process gets an environment of its own:
only the variables named here, never PYTHONPATH, AMENT_* or LD_LIBRARY_PATH. It has a session of
its own: a driver that is killed does not take the arm's owner with it, and the next driver
attaches.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig_ros import arm_side
from rig_ros.control.task import TaskConfig
from rig_ros.errors import ConfigError, HardwareError
from rig_ros.settings import require

ARM_SIDE = Path(arm_side.__file__).parent
EXTERNAL = 'external'
"""As `side_command`: the operator starts the side process."""
SYSTEM_PYTHON = '/usr/bin/python3'
PASSED_ON = ('HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ', 'SSH_AUTH_SOCK', 'DOCKER_HOST',
             'XDG_RUNTIME_DIR', 'ROS_MASTER_URI', 'ROS_IP', 'ROS_HOSTNAME')
SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
RESTART_S = (0.2, 0.5, 1.0, 2.0, 5.0)
CLEAN_AFTER_S = 30.0
"""A side process that lived longer starts again with the shortest wait."""
PRIORITY = 10
"""Real-time priority of the side process; late ticks end a motion."""
HUNG_S = 2.0
START_S = 15.0
"""Without a connection for so long after its start, it counts as hung."""
_CREDENTIALS = struct.Struct('3i')
STOP_STEPS = ((signal.SIGTERM, 2.0), (signal.SIGKILL, 1.0))


def socket_path(configured: str = 'arm') -> Path:
    """Return where a socket is: a path as given, a name in this user's own run-time folder."""
    if '/' in configured:
        return Path(configured)
    folder = os.environ.get('XDG_RUNTIME_DIR') or f'/tmp/rig_ros-{os.getuid()}'
    return Path(folder) / f'rig_ros-{configured}.sock'


def private_folder(path: Path) -> None:
    """Make the socket's folder, for this user alone.

    Raises:
        HardwareError: it cannot be made, or it is another user's.
    """
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat().st_uid
    except OSError as error:
        raise HardwareError(f'folder {folder} of the arm socket: {error.strerror}; set the '
                            'parameter socket to a path of your own') from error
    if owner not in (os.getuid(), 0):
        raise HardwareError(f'folder {folder} of the arm socket: belongs to user {owner}, allowed:'
                            f' {os.getuid()}; set the parameter socket to a path of your own')


def environment(master: str = '', ros_ip: str = '',
                source: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables a side process may see.

    Args:
        master: host name of the robot, or a whole ROS_MASTER_URI; empty keeps what is set.
        ros_ip: this machine's address in the robot's network; empty keeps what is set.
        source: variables to choose from; this process's if not given.
    """
    given = os.environ if source is None else source
    chosen = {name: given[name] for name in PASSED_ON if name in given}
    chosen['PATH'] = SEARCH_PATH
    chosen['PYTHONUNBUFFERED'] = '1'
    if master:
        chosen['ROS_MASTER_URI'] = master if '://' in master else f'http://{master}:11311'
    if ros_ip:
        chosen['ROS_IP'] = ros_ip
        chosen.pop('ROS_HOSTNAME', None)
    return chosen


def command_line(side_command: str, program: Sequence[str]) -> list[str]:
    """Return the words that start a side process.

    Args:
        side_command: a command to which the program is appended; empty for the system's Python.
        program: the side process's entry and its arguments.

    Raises:
        ConfigError: the command's quotes do not match.
    """
    try:
        words = shlex.split(side_command) or [SYSTEM_PYTHON]
    except ValueError as error:
        raise ConfigError(f'side_command: got {side_command!r}, allowed: a command as a shell '
                          f'takes it ({error})') from error
    return [*words, *program]


def side_settings(task: TaskConfig, max_speed: float, dry_run: bool = False,
                  more: str = '') -> dict[str, object]:
    """Return the settings of the side process for a task.

    Args:
        task: its workspace is the box that the hand stays in.
        max_speed: of the hand [m/s].
        dry_run: compute and log, but send the robot nothing.
        more: a JSON object of further settings, by the names of `arm_side/settings.py`.

    Raises:
        ConfigError: `more` is no JSON object.
    """
    try:
        given = json.loads(more or '{}')
    except ValueError as error:
        raise ConfigError(f'side_settings: got {more!r}, allowed: a JSON object ({error})'
                          ) from error
    require(isinstance(given, dict), 'side_settings', more, 'a JSON object')
    return {'box_low': task.workspace_low, 'box_high': task.workspace_high,
            'reset_position': task.reset_hand, 'speed': max_speed, 'dry_run': dry_run, **given}


def settings_file(path: Path) -> Path:
    """Return the file with the settings of the side process that serves a socket."""
    return path.with_name(path.name + '.settings.json')


def arm_side_command(side_command: str, path: Path, chosen: Mapping[str, object]) -> list[str]:
    """Return the words that start the side process; none when somebody else does.

    The settings go into a file beside the socket, where a container finds it too.

    Args:
        side_command: as in `command_line`, or `external`.
        path: of its socket.
        chosen: its settings.

    Raises:
        HardwareError: the file cannot be written.
    """
    if side_command == EXTERNAL:
        return []
    private_folder(path)
    file = settings_file(path)
    file.write_text(json.dumps(chosen), encoding='utf-8')
    return command_line(side_command, [str(ARM_SIDE), '--socket', str(path), '--settings',
                                       str(file)])


def listener(path: Path) -> int | None:
    """Return the id of the process that listens at a socket; None when nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            probe.connect(str(path))
            peer = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return None
    return int(_CREDENTIALS.unpack(peer)[0])


def _run_before_others() -> None:
    """In the new process, before exec: take real-time priority where this user may."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))


@dataclass
class SideProcess:
    """Keeps the side process alive; call `look_after` a few times per second."""

    command: Sequence[str]
    """What to start; empty when somebody else does."""
    socket: Path
    environment: Mapping[str, str]
    say: Callable[[str], None]
    """Told what happens to it."""
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        require(not self.command or Path(self.command[0]).name != '', 'side_command',
                list(self.command), 'a command')
        self._popen: subprocess.Popen[bytes] | None = None
        self._adopted: int | None = None
        self._started_s = 0.0
        self._heard_s = 0.0
        self._deaths = 0
        self._restart_s = 0.0

    @property
    def pid(self) -> int | None:
        """Process id of the side process that is this driver's; None when there is none."""
        if self._popen is not None:
            return self._popen.pid if self._popen.poll() is None else None
        return self._adopted

    def look_after(self, connected: bool) -> None:
        """Start it when nobody listens, start it again when it died or hangs.

        Args:
            connected: whether its packets arrive.

        Raises:
            HardwareError: it cannot be started.
        """
        if not self.command:
            return
        now = self.clock()
        if connected:
            self._heard_s = now
        if self._popen is not None and self._popen.poll() is not None:
            self._ended(now, self._popen.returncode)
        elif self.pid is not None:
            self._watch(now)
        elif now >= self._restart_s:
            found = listener(self.socket)
            if found is None:
                self._start(now)
            elif found == self._noted_pid():
                self._adopted, self._started_s = found, now
                self.say(f'attached to the side process that runs, pid {found}')

    def _watch(self, now: float) -> None:
        if self._adopted is not None and not Path(f'/proc/{self._adopted}').exists():
            self._adopted = None
            return
        first_word = self._heard_s < self._started_s
        silent_s = now - max(self._heard_s, self._started_s)
        if silent_s > (START_S if first_word else HUNG_S):
            self.say(f'the side process says nothing for {silent_s:.0f} s; it is killed and '
                     'started again')
            self._signal(signal.SIGKILL)

    def _noted_pid(self) -> int:
        """Return the side process that an earlier driver started; 0 for none."""
        try:
            return int(self._note_file.read_text())
        except (OSError, ValueError):
            return 0

    @property
    def _note_file(self) -> Path:
        return self.socket.with_name(self.socket.name + '.pid')

    def stop(self) -> None:
        """End the side process if it is this driver's: it holds the arm first."""
        for number, patience_s in STOP_STEPS:
            self._signal(number)
            self._signal(signal.SIGCONT)
            deadline = time.monotonic() + patience_s
            while self.pid is not None and time.monotonic() < deadline:
                time.sleep(0.01)
                if self._adopted is not None and not Path(f'/proc/{self._adopted}').exists():
                    self._adopted = None
        if self._popen is not None:
            for file in (self._note_file, settings_file(self.socket)):
                file.unlink(missing_ok=True)
        self._popen = None

    def _start(self, now: float) -> None:
        try:
            self._popen = subprocess.Popen(list(self.command), stdin=subprocess.DEVNULL,
                                           env=dict(self.environment), start_new_session=True,
                                           preexec_fn=_run_before_others)
        except OSError as error:
            self._restart_s = now + RESTART_S[-1]
            raise HardwareError(f'side process: {self.command[0]} cannot be started '
                                f'({error.strerror}); check the parameter side_command') from error
        self._started_s = now
        self._note_file.write_text(str(self._popen.pid))
        self.say(f'side process started, pid {self._popen.pid}')

    def _ended(self, now: float, code: int) -> None:
        assert self._popen is not None
        self._signal(signal.SIGKILL)  # what it started must not own the arm any longer
        self._popen = None
        self._deaths = 1 if now - self._started_s > CLEAN_AFTER_S else self._deaths + 1
        wait_s = RESTART_S[min(self._deaths, len(RESTART_S)) - 1]
        self._restart_s = now + wait_s
        how = (f'was killed by {signal.Signals(-code).name}' if code < 0
               else f'left with exit code {code}')
        self.say(f'the side process {how}; it starts again in {wait_s:.1f} s')

    def _signal(self, number: int) -> None:
        target = self._popen.pid if self._popen is not None else self._adopted
        if target is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(target, number)
