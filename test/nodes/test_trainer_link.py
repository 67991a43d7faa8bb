"""The learning process and its parent: whoever dies, the other does the right thing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from recorded_streams import Streams, write_recipe

from rig_ros.nodes.trainer_link import TrainerLink

pytestmark = pytest.mark.timeout(120)


def _until(condition: Callable[[], Any], what: str, timeout_s: float = 60.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError(f'{what} did not happen in {timeout_s} s')


def _alive(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


def _plan(folder: Path) -> dict[str, Any]:
    return {'directory': str(folder / 'run'), 'recipe': str(write_recipe(folder / 'tiny.yaml')),
            'task': 'reach_xy', 'publish_every_s': 0.0, 'checkpoint_every_s': 0.0}


def _episodes(folder: Path, count: int) -> list[str]:
    return [str(Streams(steps=20, first_ns=(n + 1) * 10**11).build()
                .write(folder / 'run' / 'episodes', f'e{n}').path) for n in range(count)]


@pytest.fixture
def link(tmp_path: Path) -> Iterator[TrainerLink]:
    made = TrainerLink(_plan(tmp_path), nice=5, threads=1)
    yield made
    made.close()


def _wait_for(link: TrainerLink, kind: str, **wanted: Any) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        for message in link.poll():
            values = message.get('values', {})
            if message['kind'] == kind and all(values.get(k) == v for k, v in wanted.items()):
                return message
        return None
    result: dict[str, Any] = _until(found, f'{kind} {wanted}')
    return result


def test_a_model_comes_out_and_a_killed_child_goes_on(link: TrainerLink, tmp_path: Path):
    for path in _episodes(tmp_path, 2):
        link.offer(path)
    model = _wait_for(link, 'model')
    assert Path(model['path']).is_file()
    assert os.getpriority(os.PRIO_PROCESS, link.pid) == os.getpriority(os.PRIO_PROCESS, 0) + 5
    killed = link.pid
    os.kill(killed, signal.SIGKILL)
    ready = _wait_for(link, 'ready')
    assert link.restarts == 1
    assert link.pid != killed
    assert link.last_end == 'signal 9'
    assert ready['values']['env_steps'] == 40
    assert ready['values']['models'] == 1
    (third,) = _episodes(tmp_path / 'more', 1)
    link.offer(third)
    _wait_for(link, 'metrics', env_steps=60, backlog_steps=0)


def test_close_saves_and_ends_the_child(link: TrainerLink, tmp_path: Path):
    for path in _episodes(tmp_path, 1):
        link.offer(path)
    _wait_for(link, 'metrics', env_steps=20)
    pid = link.pid
    link.close()
    assert not _alive(pid)
    assert link.pid == 0
    assert (tmp_path / 'run' / 'checkpoint.safetensors').is_file()


def test_the_child_ends_with_a_parent_that_is_killed(tmp_path: Path):
    """SIGKILL gives the parent no chance to say anything."""
    code = f"""
import time
from rig_ros.nodes.trainer_link import TrainerLink
link = TrainerLink({_plan(tmp_path)!r}, 0, 1)
while True:
    if any(m['kind'] == 'ready' for m in link.poll()):
        print(link.pid, flush=True)
    time.sleep(0.02)
"""
    parent = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert _alive(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _until(lambda: not _alive(child), 'end of the child', 10.0)


def test_a_plan_that_cannot_work_is_told_and_tried_again_later(tmp_path: Path):
    plan = {**_plan(tmp_path), 'recipe': 'no-such-recipe'}
    link = TrainerLink(plan, 0, 1)
    try:
        assert 'no-such-recipe' in _wait_for(link, 'failed')['message']
        _until(lambda: link.poll() or link.restarts, 'end of the child')
        assert link.last_end == 'exit status 2'
    finally:
        link.close()


def test_two_trainers_do_not_share_a_folder(link: TrainerLink, tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch):
    from rig_ros.errors import RigError
    from rig_ros.nodes import trainer_process
    _wait_for(link, 'ready')
    monkeypatch.setattr(trainer_process, 'LOCK_WAIT_S', 0.0)
    with pytest.raises(RigError, match='another trainer'):
        trainer_process.lock_run(tmp_path / 'run')
