"""The page on which a person sets a camera up: live picture, crop, reference, light and colour.

    GET  /                            the page
    GET  /api/state                   what the page shows beside the picture
    GET  /api/picture?after=N         the newest picture as JPEG; its number in X-Number
    GET  /api/policy?crop=x,y,w,h     what the policy would get, as PNG
    GET  /api/reference               the reference picture, as PNG
    POST /api/do/save {"crop": [..]}, reference, check, free

aiohttp, one event loop, no ROS; who may is decided by `console.site`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import cv2
from aiohttp import web

from rig_ros.console.access import Gate
from rig_ros.console.site import Site, background, fields_of
from rig_ros.errors import DataError, RigError
from rig_ros.hardware.camera_setup import CameraSetup, Check
from rig_ros.vision.image import encode_picture

POLL_S = 0.02
WAIT_S = 1.0
"""How long a request waits for the next picture."""
JPEG_OPTIONS = (cv2.IMWRITE_JPEG_QUALITY, 88)
Findings = Callable[[Check], Sequence[dict[str, Any]]]


def crop_of(value: Any) -> list[int]:
    """Return a crop as a page sends it.

    Raises:
        DataError: it is not four whole numbers.
    """
    if not isinstance(value, list) or len(value) != 4 or not all(type(v) is int for v in value):
        raise DataError(f'crop: got {value!r}, allowed: [x, y, width, height] in whole pixels')
    return value


class CameraPage:
    """Wires a `CameraSetup` to HTTP."""

    def __init__(self, gate: Gate, setup: CameraSetup, source: str, file: str, size: int,
                 findings: Findings) -> None:
        """Take the parts.

        Args:
            gate: who may look and command.
            setup: of the camera.
            source: its name, for the person.
            file: the parameter file that is written, for the person.
            size: of the policy's picture [px].
            findings: puts a check into words.
        """
        self._site = Site(gate, 'camera.html', 'rig_ros_camera')
        self._setup, self._findings = setup, findings
        self._about = {'source': source, 'file': file, 'size': size}
        self._checked: list[dict[str, Any]] = []
        self._checking = False

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = self._site.application(
            web.get('/api/state', self._state), web.get('/api/picture', self._picture),
            web.get('/api/policy', self._policy), web.get('/api/reference', self._reference),
            web.post('/api/do/{command}', self._do))
        app.cleanup_ctx.append(background([self._watch]))
        return app

    async def _watch(self) -> None:
        while True:
            self._setup.poll()
            await asyncio.sleep(POLL_S)

    async def _state(self, _: web.Request) -> web.Response:
        setup = self._setup
        movement = setup.movement()
        picture = setup.picture
        known = picture is not None
        return web.json_response({
            **self._about, 'problem': setup.problem, 'hz': round(setup.hz, 1),
            'width': 0 if picture is None else picture.shape[1],
            'height': 0 if picture is None else picture.shape[0],
            'crop': setup.region().as_list() if known else [],
            'reference': setup.reference is not None,
            'movement': movement and {'text': movement.text, 'same': movement.same},
            'fixed': bool(setup.held), 'checking': self._checking, 'findings': self._checked})

    async def _picture(self, request: web.Request) -> web.Response:
        after = request.query.get('after', '')
        for _ in range(int(WAIT_S / POLL_S)):
            if self._setup.picture is not None and str(self._setup.number) != after:
                break
            await asyncio.sleep(POLL_S)
        content = encode_picture(self._setup.seen(), '.jpg', JPEG_OPTIONS)
        return web.Response(body=content, content_type='image/jpeg',
                            headers={'X-Number': str(self._setup.number)})

    async def _policy(self, request: web.Request) -> web.Response:
        words = request.query.get('crop', '').split(',')
        crop = crop_of([int(w) if w.isdecimal() else w for w in words])
        return web.Response(body=encode_picture(self._setup.policy_picture(crop)),
                            content_type='image/png')

    async def _reference(self, _: web.Request) -> web.Response:
        reference = self._setup.reference
        if reference is None:
            raise web.HTTPNotFound
        return web.Response(body=encode_picture(reference.picture), content_type='image/png')

    async def _do(self, request: web.Request) -> web.Response:
        commands: dict[str, Callable[[dict[str, Any]], Awaitable[str]]] = {
            'save': self._save, 'reference': self._keep, 'check': self._check,
            'free': self._free}
        command = commands.get(request.match_info['command'])
        if command is None:
            raise web.HTTPNotFound
        return web.json_response({'answer': await command(await fields_of(request))})

    async def _save(self, fields: dict[str, Any]) -> str:
        kept = self._setup.save(crop_of(fields.get('crop')))
        return f'{", ".join(kept)} written to {self._about["file"]}'

    async def _keep(self, _: dict[str, Any]) -> str:
        return f'kept as {self._setup.keep_reference()}'

    async def _check(self, _: dict[str, Any]) -> str:
        if self._checking:
            raise RigError('check: one is under way; wait for its end')
        self._checking = True
        try:
            self._setup.fix()
            while not self._setup.watched:
                await asyncio.sleep(POLL_S)
            self._checked = list(self._findings(self._setup.finish_check()))
        finally:
            self._checking = False
        return 'checked'

    async def _free(self, _: dict[str, Any]) -> str:
        self._setup.free()
        self._checked = []
        return 'the camera adjusts itself again'
