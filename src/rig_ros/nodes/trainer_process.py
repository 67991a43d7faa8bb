"""The trainer's child process: learns, talks JSON lines, knows nothing of ROS.

Started by `trainer_link.TrainerLink` as `python -m rig_ros.nodes.trainer_process PLAN PARENT`.
Reads {"episode": PATH} and {"stop": true} from standard input, writes lines with a `kind`
(ready, metrics, model, failed) to standard output, logs to standard error. It ends when its parent
does, however that ends: the kernel is asked for SIGKILL, and a closed input means stop.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from rig_ros.errors import RigError
from rig_ros.processes import end_with_parent

if TYPE_CHECKING:
    from rig_ros.nodes.recorded_training import RecordedTraining

METRICS_EVERY_S = 0.5
IDLE_S = 0.2
LOCK_WAIT_S = 15.0


class Stopped(Exception):
    """Raised to leave a long training when the parent asks to stop."""


class Mailbox:
    """Lines from the parent, read without waiting, and lines to it."""

    def __init__(self, source: int = 0, target: int = 1) -> None:
        self._source, self._target = source, target
        self._buffer = b''
        self.stopping = False

    def read(self, wait_s: float = 0.0) -> list[dict[str, Any]]:
        """Return what the parent sent; a closed pipe sets `stopping`."""
        readable, _, _ = select.select([self._source], [], [], wait_s)
        if readable:
            content = os.read(self._source, 1 << 16)
            self.stopping |= content == b''
            self._buffer += content
        *lines, self._buffer = self._buffer.split(b'\n')
        messages = [json.loads(line) for line in lines if line]
        self.stopping |= any('stop' in message for message in messages)
        return messages

    def send(self, kind: str, **values: Any) -> None:
        """Send one line."""
        line = json.dumps({'kind': kind, **values}).encode() + b'\n'
        while line:
            line = line[os.write(self._target, line):]


def lock_run(folder: Path) -> int:
    """Make sure that one process learns in a run's folder; returns the lock's descriptor.

    Raises:
        RigError: another process keeps it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / 'trainer.lock', os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                raise RigError(f'{folder}: another trainer learns in this folder; stop it, or '
                               'set another `directory`') from None
            time.sleep(0.1)
        else:
            return descriptor


def learn(plan: dict[str, Any], mailbox: Mailbox) -> None:
    """Work until told to stop.

    Raises:
        RigError: the plan cannot be carried out.
    """
    from rig_ros.learning.progress import Progress
    from rig_ros.nodes.recorded_training import RecordedTraining, TrainingPlan

    last_sent = 0.0

    def receive(wait_s: float = 0.0) -> None:
        for message in mailbox.read(wait_s):
            if 'episode' in message:
                training.offer(Path(message['episode']))

    def progress(state: Progress) -> None:
        nonlocal last_sent
        receive()
        if mailbox.stopping:
            raise Stopped
        if time.monotonic() - last_sent >= METRICS_EVERY_S:
            last_sent = time.monotonic()
            mailbox.send('metrics', phase=state.phase, done=state.done, total=state.total,
                         values={**training.figures(), **state.metrics})

    training = RecordedTraining(TrainingPlan(**plan), progress)
    with contextlib.closing(training.learner.team):
        work(training, mailbox, receive)


def work(training: RecordedTraining, mailbox: Mailbox, receive: Callable[..., None]) -> None:
    """Learn, and tell of models and figures, until told to stop."""
    mailbox.send('ready', values=training.figures())
    while not mailbox.stopping:
        worked = training.work()
        model = training.new_model()
        if model is not None:
            mailbox.send('model', path=str(model.path), bundle_id=model.bundle_id,
                         encoder_id=model.encoder_id, step=model.step)
        if worked:
            training.checkpoint_if_due()
        else:
            mailbox.send('metrics', phase='wait', done=0, total=0, values=training.figures())
        receive(0.0 if worked else IDLE_S)
    training.checkpoint()


def main() -> int:
    """Run the child; the arguments are the plan as JSON and the parent's process id."""
    plan, parent = json.loads(sys.argv[1]), int(sys.argv[2])
    end_with_parent(parent)
    mailbox = Mailbox()

    def stop(signum: int, frame: FrameType | None) -> None:
        mailbox.stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr,
                        format='[%(levelname)s] [trainer_process]: %(message)s')
    try:
        lock = lock_run(Path(plan['directory']))
        try:
            learn(plan, mailbox)
        finally:
            os.close(lock)
    except Stopped:
        return 0
    except BrokenPipeError:
        return 1
    except RigError as error:
        mailbox.send('failed', message=str(error))
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
