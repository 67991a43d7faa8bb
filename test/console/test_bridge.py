"""The bridge hears, asks, and restarts its process; here that is a few lines of Python."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rig_ros.console import bridge as bridges
from rig_ros.console.bridge import Bridge
from rig_ros.errors import HardwareError, RigError

ECHO = """
import os
from rig_ros.console.wire import Reader, pack
os.write(1, pack({'kind': 'joined'}))
reader = Reader()
while content := os.read(0, 65536):
    for head, body in reader.feed(content):
        if head['do'] == 'die':
            os._exit(3)
        if head['do'] != 'nothing':
            os.write(1, pack({'kind': 'answer', 'id': head['id'], 'ok': head['do'] == 'good',
                              'text': str(len(body))}))
"""


def run(story: Callable[[Bridge, asyncio.Queue[str]], Awaitable[None]]) -> None:
    async def play() -> None:
        heard: asyncio.Queue[str] = asyncio.Queue()
        bridge = Bridge(lambda frame: heard.put_nowait(frame[0]['kind']), 10.0,
                        command=[sys.executable, '-c', ECHO])
        task = asyncio.ensure_future(bridge.run())
        try:
            assert await asyncio.wait_for(heard.get(), 20) == 'joined'
            await asyncio.wait_for(story(bridge, heard), 20)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    asyncio.run(play())


def test_answers_and_refusals_come_back():
    async def story(bridge: Bridge, _: Any) -> None:
        assert await bridge.ask('good', b'12345') == '5'
        with pytest.raises(RigError, match='^2$'):
            await bridge.ask('bad', b'12')
        answers = await asyncio.gather(*(bridge.ask('good', bytes(i)) for i in range(20)))
        assert answers == [str(i) for i in range(20)]
    run(story)


def test_a_process_that_dies_is_told_and_started_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bridges, 'BACK_OFF_S', (0.01,))

    async def story(bridge: Bridge, heard: asyncio.Queue[str]) -> None:
        with pytest.raises(RigError, match='connection to ROS was lost'):
            await bridge.ask('die')
        assert await heard.get() == 'left'
        assert await heard.get() == 'joined'
        assert await bridge.ask('good') == '0'
    run(story)


def test_a_process_that_hangs_is_an_error_in_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bridges, 'PATIENCE_S', 0.05)

    async def story(bridge: Bridge, _: Any) -> None:
        with pytest.raises(HardwareError, match='may hang'):
            await bridge.ask('nothing', timeout_s=0.05)
    run(story)


def test_without_a_process_asking_fails_at_once():
    with pytest.raises(HardwareError, match='no connection to ROS'):
        asyncio.run(Bridge(lambda _: None, 10.0).ask('good'))
