"""The console's server with goals in a folder of the test."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from aiohttp import web
from console_bench import ConsoleBench

from rig_ros.console.files import Shelf
from rig_ros.console.goals import Goals
from rig_ros.console.library import Library
from rig_ros.console.tray import Tray

PICTURE = cv2.resize(np.random.default_rng(2).integers(0, 255, (9, 12, 3), np.uint8), (640, 480))


class GoalBench(ConsoleBench):
    """A server, a library, a tray; see `ConsoleBench`."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock=clock)
        self.goals = Goals(self.graph, self.state, Tray(self.board), Library(folder / 'goals'),
                           Shelf([folder]), folder / 'runs')
        self.server.commands.update(self.goals.commands())
        self.server.take_upload = self.goals.upload
        self.server.background.append(self.goals.tend)

    def play(self, story: Any) -> None:
        self.run(story, web.get('/api/picture/{place:tray|library}/{name}', self.goals.picture),
                 web.get('/api/report', self.goals.report))

    def shown(self, subject: str) -> Any:
        return json.loads(self.board.entries[subject])['value']


def photo() -> bytes:
    return bytes(cv2.imencode('.png', PICTURE)[1])
