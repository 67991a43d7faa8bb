"""What child processes of this package have in common. Standard library only."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Any

ENCLAVES = '/rig_ros'
"""Where SROS 2's enclaves of this package's processes are, each by the process's name."""
SPINS = 20_000
"""How often a thread looks whether another is done before it sleeps: some 0.1 ms.

Without an end two threads were 10 to 50 times slower than one beside another busy process, and
without any they are half as fast with nothing beside: doc/experiments/0008.
"""
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def thread_settings(threads: int) -> dict[str, str]:
    """Return the environment for so many threads of torch; it counts until torch is imported.

    How threads wait is left to OMP_WAIT_POLICY or GOMP_SPINCOUNT where one of them is set.
    """
    told = {'OMP_WAIT_POLICY', 'GOMP_SPINCOUNT'} & os.environ.keys()
    return {'OMP_NUM_THREADS': str(threads), **({} if told else {'GOMP_SPINCOUNT': str(SPINS)})}


def end_with_parent(parent: int) -> None:
    """Make the kernel kill this process when its parent ends, however that ends (Linux).

    Called by the child itself, or between fork and exec.

    Args:
        parent: process id of the parent; ends at once if that is gone already.
    """
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def end(processes: Sequence[subprocess.Popen[Any]], patience_s: float) -> None:
    """Ask processes to end, all at once; kill those that take longer than this, each [s]."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def enclave_arguments(name: str) -> list[str]:
    """Return the arguments after `--ros-args` by which a process takes its own enclave.

    None where SROS 2 is off, or the environment names one enclave for all.
    """
    on = os.environ.get('ROS_SECURITY_ENABLE', '') == 'true'
    if on and not os.environ.get('ROS_SECURITY_ENCLAVE_OVERRIDE'):
        return ['--enclave', f'{ENCLAVES}/{name}']
    return []
