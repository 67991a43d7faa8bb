"""A second machine on this one: a network namespace behind a cable that can be broken.

The cable is the kernel's, or, to lose and delay packets, this module run as a program: it carries
frames between two network devices of its own. (The kernel's netem would do that too, but many
kernels are built without it.) Needs root and iproute2.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping

NUMBER = 1 + os.getpid() % 250
"""Sets this process's network apart from that of another drill."""
NAMESPACE = f'rig_ros_drill{NUMBER}'
ROBOT, TRAINER = f'10.213.{NUMBER}.1', f'10.213.{NUMBER}.2'
HERE, THERE = f'rigdrill{NUMBER}a', f'rigdrill{NUMBER}b'
QUEUE = 10_000
"""Packets that wait in a device: a model comes as a thousand at once."""
MAX_FRAME = 65_536
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000


class NotPossible(Exception):
    """Raised when this machine does not let us make a network."""


def ip(*arguments: str) -> None:
    """Call iproute2's `ip`.

    Raises:
        NotPossible: it failed.
    """
    done = subprocess.run(['ip', *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise NotPossible(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@contextlib.contextmanager
def second_machine(loss: float = 0.0, delay_s: float = 0.0) -> Iterator[list[str]]:
    """Make a namespace with a cable to it; yield what starts a command there.

    Args:
        loss: share of packets lost, each way.
        delay_s: of the others, each way [s].

    Raises:
        NotPossible: no rights, no iproute2, or no /dev/net/tun for a cable that loses packets.
    """
    if os.geteuid() != 0 or shutil.which('ip') is None:
        raise NotPossible('needs root and iproute2')
    with contextlib.ExitStack() as undo:
        ip('netns', 'add', NAMESPACE)
        undo.callback(subprocess.run, ['ip', 'netns', 'del', NAMESPACE], capture_output=True)
        if loss or delay_s:
            carrier = _start_carrier(loss, delay_s)
            undo.callback(carrier.wait)
            undo.callback(carrier.kill)
            ip('link', 'set', THERE, 'netns', NAMESPACE)
        else:
            ip('link', 'add', HERE, 'type', 'veth', 'peer', 'name', THERE, 'netns', NAMESPACE)
            undo.callback(subprocess.run, ['ip', 'link', 'del', HERE], capture_output=True)
        for command, device, address in (([], HERE, ROBOT), (['-n', NAMESPACE], THERE, TRAINER)):
            ip(*command, 'addr', 'add', f'{address}/24', 'dev', device)
            ip(*command, 'link', 'set', device, 'txqueuelen', str(QUEUE), 'up')
        ip('-n', NAMESPACE, 'link', 'set', 'lo', 'up')
        yield ['ip', 'netns', 'exec', NAMESPACE]


def cut(seconds: float) -> Iterator[None]:
    """Pull the kernel's cable for so long; advance while the robot acts."""
    ip('link', 'set', HERE, 'down')
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
    ip('link', 'set', HERE, 'up')


@contextlib.contextmanager
def environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Set variables for what is started within."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_carrier(loss: float, delay_s: float) -> subprocess.Popen[str]:
    carrier = subprocess.Popen([sys.executable, '-m', 'rig_ros.cli.cable', HERE, THERE,
                                str(loss), str(delay_s)], stdout=subprocess.PIPE, text=True)
    assert carrier.stdout is not None
    if not carrier.stdout.readline():
        raise NotPossible(f'/dev/net/tun: no devices could be made (exit {carrier.wait()})')
    return carrier


def _device(name: str) -> int:
    """Make a network device; what the kernel sends through it is read from the descriptor."""
    descriptor = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack('16sH', name.encode(), IFF_TAP | IFF_NO_PI))
    return descriptor


def carry(here: int, there: int, loss: float, delay_s: float, rng: random.Random) -> None:
    """Carry packets between two descriptors until one closes."""
    waiting: deque[tuple[float, int, bytes]] = deque()
    while True:
        patience = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for source in select.select([here, there], [], [], patience)[0]:
            target = there if source == here else here
            while (frame := _next_frame(source)) is not None:
                if not frame:
                    return
                if rng.random() >= loss:
                    waiting.append((time.monotonic() + delay_s, target, frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, target, frame = waiting.popleft()
            with contextlib.suppress(OSError):  # the device is down, or its reader too slow: lost
                os.write(target, frame)


def _next_frame(source: int) -> bytes | None:
    """Return what waits at a descriptor: None for nothing, b'' when it is closed."""
    try:
        return os.read(source, MAX_FRAME)
    except BlockingIOError:
        return None


def main() -> None:
    """Lay the cable that the arguments describe: names of its ends, share lost, delay [s]."""
    near, far, loss, delay_s = sys.argv[1:]
    here, there = _device(near), _device(far)
    print('ready', flush=True)
    carry(here, there, float(loss), float(delay_s), random.Random(0))


if __name__ == '__main__':
    main()
