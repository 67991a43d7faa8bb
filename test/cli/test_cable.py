"""The cable that loses and delays packets, and the machine at its end."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import threading
import time

import pytest

from rig_ros.cli import cable

ECHO = """
import socket
import sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 9))
print('ready', flush=True)
while True:
    s.sendto(*s.recvfrom(100))
"""


def ends() -> tuple[socket.socket, socket.socket]:
    ours, carriers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(10)
    carriers.setblocking(False)
    return ours, carriers


def test_what_is_not_lost_comes_late_in_order_both_ways():
    (here, near), (there, far) = ends(), ends()
    loss, delay_s = 0.25, 0.05
    carrier = threading.Thread(target=cable.carry, args=(
        near.fileno(), far.fileno(), loss, delay_s, random.Random(3)))
    carrier.start()
    lot = random.Random(3)
    for source, target in ((here, there), (there, here)):
        sent_s = time.monotonic()
        for number in range(40):
            source.send(bytes([number]))
        kept = [bytes([number]) for number in range(40) if lot.random() >= loss]
        assert 20 < len(kept) < 40
        assert target.recv(10) == kept[0]
        assert time.monotonic() - sent_s >= delay_s
        assert [target.recv(10) for _ in kept[1:]] == kept[1:]
    here.close()
    carrier.join(10)
    assert not carrier.is_alive()


@pytest.mark.parametrize('loss', [0.0, 0.2])
def test_a_second_machine_answers_until_the_cable_is_cut(loss: float):
    try:
        with cable.second_machine(loss, 0.05 * loss) as there, subprocess.Popen(
                [*there, sys.executable, '-c', ECHO, cable.TRAINER],
                stdout=subprocess.PIPE) as echo:
            assert echo.stdout is not None
            echo.stdout.readline()
            asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            asker.settimeout(0.3)
            assert any(answered(asker) for _ in range(20))
            if not loss:
                pulled = cable.cut(0.5)
                next(pulled)
                assert not answered(asker)
                list(pulled)
                assert any(answered(asker) for _ in range(20))
            echo.kill()
    except cable.NotPossible as error:
        pytest.skip(str(error))
    with pytest.raises(cable.NotPossible):
        cable.ip('netns', 'exec', cable.NAMESPACE, 'true')


def answered(asker: socket.socket) -> bool:
    try:
        asker.sendto(b'x', (cable.TRAINER, 9))
        return asker.recv(10) == b'x'
    except OSError:
        return False
