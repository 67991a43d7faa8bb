"""Goals of the page: take, choose, send, queue and judge them. Ties the parts to the commands."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web

from rig_ros.console import evaluation, files, uploads
from rig_ros.console.bridge import Graph
from rig_ros.console.commands import Command, text_of
from rig_ros.console.evaluation import Attempt
from rig_ros.console.imagine import imagined
from rig_ros.console.library import Library
from rig_ros.console.pursuits import MAX_RESULTS, Pursuits, Result
from rig_ros.console.state import GraphState, png
from rig_ros.console.tray import Tray
from rig_ros.console.truth import Places, gap
from rig_ros.errors import ConfigError, DataError, RigError
from rig_ros.vision.image import Picture, check_goal

TICK_S = 0.25
DEFAULT_SIZE = 84
IMAGINED = 10
DRAWN = 6
Fields = Mapping[str, Any]


class Goals:
    """Tray, library and queue of one console."""

    def __init__(self, graph: Graph, state: GraphState, tray: Tray, library: Library,
                 shelf: files.Shelf, runs: Path) -> None:
        """Take the parts.

        Args:
            graph: where goals are sent.
            state: what is known of the graph.
            tray: pictures to choose from.
            library: goals by name.
            shelf: the models, to imagine with.
            runs: folder of recordings to draw from.
        """
        self._graph, self._state, self._board = graph, state, state.board
        self._tray, self.library, self._shelf, self._runs = tray, library, shelf, runs
        self._pursuits = Pursuits()
        self._sent: dict[str, tuple[Picture, Places]] = {}
        self._attempts: list[Attempt] | None = None
        self._report: Path | None = None
        state.on_event = self._on_event
        self._show()

    def commands(self) -> dict[str, Command]:
        """Return the commands of the page."""
        return {
            'capture': Command(self._capture), 'imagine': Command(self._imagine),
            'draw': Command(self._draw), 'veto': Command(self._veto),
            'goal_save': Command(self._save), 'goal_remove': Command(self._remove),
            'goal_send': Command(self._send_asked), 'queue_add': Command(self._queue_add),
            'queue_drop': Command(self._queue_drop), 'queue_run': Command(self._queue_run),
            'queue_pause': Command(self._queue_pause), 'evaluate': Command(self._evaluate),
            'judge': Command(self._judge)}

    async def tend(self) -> None:
        """Send the goals of the queue, one after the other, until cancelled."""
        while True:
            name = self._pursuits.due(time.monotonic())
            if name is not None:
                try:
                    await self._send_saved(name)
                except RigError as error:
                    self._pursuits.pause(f'{name}: {error}')
            if self._attempts and not self._pursuits.running and self._pursuits.active is None:
                await self._finish_evaluation(self._attempts)
            self._show()
            await asyncio.sleep(TICK_S)

    # Pictures ------------------------------------------------------------------------------------
    @property
    def _size(self) -> int:
        return DEFAULT_SIZE if self._state.camera is None else self._state.camera.shape[0]

    async def _capture(self, _: Fields) -> dict[str, Any]:
        picture, truth = self._state.seen
        if picture is None:
            raise DataError('capture: no picture arrives from the camera; check camera and graph')
        check_goal(picture, picture.shape[0])
        candidate = self._tray.put('captured', time.strftime('captured at %H:%M:%S'),
                                   picture.copy(), truth=truth)
        return {'number': candidate.number}

    async def upload(self, content: bytes, name: str) -> dict[str, Any]:
        """Take a file: lay its picture on the tray and tell what of it was used.

        Raises:
            DataError: refused, with the reason.
        """
        found = await asyncio.to_thread(uploads.read, content, self._size)
        note = f'{found.width}x{found.height}, middle square'
        shown = ''.join(c for c in name if c.isprintable())[:60] or 'a file'
        candidate = self._tray.put('uploaded', f'from {shown}', found.picture, note)
        return {'number': candidate.number, 'width': found.width, 'height': found.height,
                'region': found.region.as_list(),
                'png': base64.b64encode(png(found.picture)).decode()}

    async def _imagine(self, _: Fields) -> str:
        bundle_id = self._state.active_bundle
        if not bundle_id:
            raise DataError('imagined goals: no node reports a model in use; load one first')
        model = await asyncio.to_thread(self._shelf.find, bundle_id)
        pictures = await imagined(model.path, IMAGINED, secrets.randbits(31))
        self._tray.clear('imagined')
        for picture in pictures:
            self._tray.put('imagined', f'imagined, model {bundle_id[:8]}', picture)
        return f'{len(pictures)} goals imagined'

    async def _draw(self, _: Fields) -> str:
        drawn = await asyncio.to_thread(files.recorded_pictures, self._runs, DRAWN,
                                        np.random.default_rng())
        self._tray.clear('recorded')
        for source, picture, truth in drawn:
            if picture.shape[0] == self._size:
                self._tray.put('recorded', source, picture, truth=truth)
        return f'{len(drawn)} pictures drawn'

    async def _veto(self, fields: Fields) -> str:
        self._tray.drop(fields.get('number'))
        return 'dropped'

    async def picture(self, request: web.Request) -> web.Response:
        """Return a picture of the tray or the library as PNG."""
        place, name = request.match_info['place'], request.match_info['name']
        try:
            found = (self._tray.get(int(name)).picture if place == 'tray'
                     else self.library.picture(name))
        except (ValueError, DataError) as error:
            raise web.HTTPNotFound from error
        return web.Response(body=png(found), content_type='image/png')

    # Library -------------------------------------------------------------------------------------
    async def _save(self, fields: Fields) -> str:
        candidate = self._tray.get(fields.get('number'))
        goal = self.library.save(text_of(fields, 'name', 40), candidate.picture, candidate.source,
                                 candidate.truth)
        if candidate.kind != 'imagined':
            self._tray.drop(candidate.number)
        self._show()
        return f'{goal.name} is in the library'

    async def _remove(self, fields: Fields) -> str:
        name = text_of(fields, 'name', 40)
        self.library.remove(name)
        self._show()
        return f'{name} removed'

    # Sending -------------------------------------------------------------------------------------
    async def _send_asked(self, fields: Fields) -> str:
        if 'name' in fields:
            result = await self._send_saved(text_of(fields, 'name', 40))
        else:
            candidate = self._tray.get(fields.get('number'))
            result = await self._send(candidate.picture, candidate.truth, candidate.source,
                                      saved=False)
        self._show()
        return f'{result.label} is the goal'

    async def _send_saved(self, name: str) -> Result:
        return await self._send(self.library.picture(name), self.library.truth(name), name,
                                saved=True)

    async def _send(self, picture: Picture, truth: Places, label: str, saved: bool) -> Result:
        check_goal(picture, self._size)
        height, width = picture.shape[:2]
        goal_id = await self._graph.ask('goal', np.ascontiguousarray(picture).tobytes(),
                                        height=height, width=width)
        self._sent[goal_id] = picture, truth
        while len(self._sent) > MAX_RESULTS:
            del self._sent[next(iter(self._sent))]
        result = self._pursuits.sent(goal_id, label, saved, time.strftime('%Y-%m-%d %H:%M:%S'),
                                     time.monotonic())
        for event in list(self._state.events):  # an episode may begin before the answer is here
            if event.get('goal_id') == goal_id:
                self._on_event(event)
        return result

    def _on_event(self, event: Mapping[str, str]) -> None:
        goal, truth = self._sent.get(event.get('goal_id', ''), (None, {}))
        result = self._pursuits.on_event(event, self._state.distance, time.monotonic(),
                                         gap(self._state.seen[1], truth))
        if result is not None and result.saved:
            self.library.note(result.label, result.attempt)
        if result is not None and self._attempts is not None and goal is not None:
            self._attempts.append(Attempt(result, goal, self._state.camera))
        self._show()

    # Queue ---------------------------------------------------------------------------------------
    async def _queue_add(self, fields: Fields) -> str:
        name = text_of(fields, 'name', 40)
        self.library.picture(name)
        self._pursuits.add(name)
        return f'{name} is in the queue'

    async def _queue_drop(self, fields: Fields) -> str:
        number = fields.get('number')
        self._pursuits.drop(number if isinstance(number, int) else 0)
        return 'taken out'

    async def _queue_run(self, _: Fields) -> str:
        self._check_mode()
        self._pursuits.run(time.monotonic())
        return 'the queue runs'

    def _check_mode(self) -> None:
        if self._state.mode not in ('', 'reach'):
            raise ConfigError(f'queue: the mode is {self._state.mode}, allowed: reach; change the '
                              'mode first')

    async def _evaluate(self, _: Fields) -> str:
        self._check_mode()
        if not self.library.goals:
            raise DataError('evaluation: the library is empty; save goals first')
        for name in self.library.goals:
            self._pursuits.add(name)
        self._attempts = []
        self._pursuits.run(time.monotonic())
        return f'{len(self.library.goals)} goals, one after another; then a report'

    async def _finish_evaluation(self, attempts: list[Attempt]) -> None:
        self._attempts = None
        try:
            self._report = await asyncio.to_thread(evaluation.write, self._runs, attempts,
                                                   self._state.active_bundle)
            self._board.put_json('report', self._report.parent.name)
        except (RigError, OSError) as error:
            self._pursuits.pause(f'the report could not be written: {error}')

    async def report(self, _: web.Request) -> web.Response:
        """Return the page of the last evaluation; it holds no script and loads nothing."""
        if self._report is None:
            raise web.HTTPNotFound
        page = await asyncio.to_thread(self._report.read_bytes)
        return web.Response(body=page, content_type='text/html', charset='utf-8', headers={
            'Content-Security-Policy': "default-src 'none'; img-src data:; "
                                       "style-src 'unsafe-inline'; sandbox"})

    async def _queue_pause(self, _: Fields) -> str:
        self._pursuits.pause()
        return 'no further goal is sent'

    async def _judge(self, fields: Fields) -> str:
        success = fields.get('success')
        if success not in (True, False, None):
            raise ConfigError(f'success: got {str(success)[:20]!r}, allowed: true, false or null')
        result = self._pursuits.judge(text_of(fields, 'id', 30), success)
        if result.saved:
            self.library.note(result.label, result.attempt)
        self._show()
        return 'noted'

    def _show(self) -> None:
        self._board.put_json('library', [g.summary for g in self.library.goals.values()])
        self._board.put_json('queue', self._pursuits.shown)
