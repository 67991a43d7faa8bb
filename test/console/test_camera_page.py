"""The camera's page over real HTTP, on a source that only plays; and in a browser where one is."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

aiohttp = pytest.importorskip('aiohttp')

from aiohttp.test_utils import TestServer

from rig_ros.console.access import Gate
from rig_ros.console.camera_page import CameraPage
from rig_ros.errors import HardwareError
from rig_ros.hardware import camera_setup
from rig_ros.hardware.camera_setup import CameraSetup
from rig_ros.vision.image import crop_and_resize

RNG = np.random.default_rng(0)
SCENE = np.kron(RNG.integers(40, 215, (60, 80, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
BROWSER = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser',
                                               'google-chrome'))), None)
FINDING = {'name': 'colour', 'ok': False, 'found': '9 %', 'remedy': 'fix it', 'essential': True}


class Reader:
    """Plays the same picture for ever."""

    problem = ''
    picture = SCENE

    def take(self) -> Any:
        return None if self.problem else (self.picture, 1)

    def ask(self, question: Callable[[Any], Any]) -> Any:
        if self.problem:
            raise HardwareError(self.problem)
        return question(object())

    def close(self) -> None:
        pass


class Page:
    def __init__(self, origin: str, session: Any) -> None:
        self.origin, self.session = origin, session

    async def get(self, path: str) -> tuple[int, bytes]:
        async with self.session.get(self.origin + path) as answer:
            return answer.status, await answer.read()

    async def state(self) -> Any:
        return json.loads((await self.get('/api/state'))[1])

    async def until(self, condition: Callable[[Any], bool]) -> Any:
        while not condition(state := await self.state()):
            await asyncio.sleep(0.01)
        return state

    async def do(self, name: str, origin: str = '', **fields: Any) -> tuple[int, Any]:
        async with self.session.post(f'{self.origin}/api/do/{name}', data=json.dumps(fields),
                                     headers={'Origin': origin or self.origin}) as answer:
            return answer.status, await answer.json()


class Bench:
    def __init__(self, folder: Path, gate: Gate | None = None) -> None:
        self.reader, self.saved = Reader(), {}
        self.setup = CameraSetup(self.reader, 84, (), folder / 'view.png',  # type: ignore[arg-type]
                                 self.saved.update)
        self.page = CameraPage(gate or Gate('127.0.0.1'), self.setup, 'film.avi', 'lab.yaml', 84,
                               lambda found: [FINDING])

    def run(self, story: Callable[[Page], Awaitable[None]]) -> None:
        async def play() -> None:
            async with TestServer(self.page.application()) as served, \
                    aiohttp.ClientSession() as session:
                await story(Page(f'http://localhost:{served.port}', session))
        asyncio.run(asyncio.wait_for(play(), 60.0))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def decoded(content: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_live_picture_and_what_the_policy_gets(bench: Bench):
    async def story(page: Page) -> None:
        state = await page.until(lambda s: s['width'] == 640)
        assert (state['height'], state['crop']) == (480, [80, 0, 480, 480])
        status, jpeg = await page.get('/api/picture')
        assert status == 200
        assert np.abs(decoded(jpeg).astype(int) - SCENE).mean() < 8
        status, png = await page.get('/api/policy?crop=0,0,480,480')
        region = bench.setup.region([0, 0, 480, 480])
        np.testing.assert_array_equal(decoded(png), crop_and_resize(SCENE, region, 84))
    bench.run(story)


def test_a_crop_is_saved_and_shown_as_in_use(bench: Bench):
    async def story(page: Page) -> None:
        await page.until(lambda s: s['width'] == 640)
        status, answer = await page.do('save', crop=[10, 20, 400, 400])
        assert (status, answer['answer']) == (200, 'crop written to lab.yaml')
        assert bench.saved == {'crop': [10, 20, 400, 400]}
        assert (await page.state())['crop'] == [10, 20, 400, 400]
    bench.run(story)


@pytest.mark.parametrize('crop', [
    None, [1, 2, 3], ['a', 0, 0, 0], [0, 0, 9.5, 9], [0, 0, 900, 900], [-5, 0, 9, 9],
    [0, 0, 0, 0], [True, 0, 9, 9]])
def test_a_wrong_crop_is_refused_and_nothing_saved(bench: Bench, crop: Any):
    async def story(page: Page) -> None:
        await page.until(lambda s: s['width'] == 640)
        status, answer = await page.do('save', crop=crop)
        assert status == 400
        assert 'allowed' in answer['error']
        assert bench.saved == {}
    bench.run(story)


def test_foreign_pages_change_nothing(bench: Bench):
    async def story(page: Page) -> None:
        await page.until(lambda s: s['width'] == 640)
        assert (await page.do('save', 'http://evil.example', crop=[0, 0, 9, 9]))[0] == 403
        assert (await page.do('launch'))[0] == 404
        assert (await page.get('/static/../site.py'))[0] == 404
        assert bench.saved == {}
    bench.run(story)


def test_beyond_loopback_a_token_is_needed(tmp_path: Path):
    bench = Bench(tmp_path, Gate('0.0.0.0', 'k' * 24))

    async def story(page: Page) -> None:
        assert (await page.get('/'))[0] == 200
        assert (await page.get('/api/picture'))[0] == 401
        async with page.session.post(page.origin + '/api/login', json={'token': 'k' * 24},
                                     headers={'Origin': page.origin}) as answer:
            assert answer.status == 200
        await page.until(lambda s: s.get('width') == 640)
    bench.run(story)


def test_a_reference_is_kept_and_a_moved_camera_told(bench: Bench):
    async def story(page: Page) -> None:
        await page.until(lambda s: s['width'] == 640)
        assert (await page.get('/api/reference'))[0] == 404
        assert (await page.do('reference'))[0] == 200
        np.testing.assert_array_equal(decoded((await page.get('/api/reference'))[1]), SCENE)
        assert (await page.until(lambda s: s['movement'] is not None))['movement']['same']
        bench.reader.picture = np.roll(SCENE, -9, axis=1)
        state = await page.until(lambda s: not s['movement']['same'])
        assert ' px left' in state['movement']['text']
    bench.run(story)


def test_a_check_tells_what_it_found(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(camera_setup, 'MEASURE_S', 0.5)
    monkeypatch.setattr(camera_setup, 'SETTLE_S', 0.0)

    async def story(page: Page) -> None:
        await page.until(lambda s: s['width'] == 640)
        first = asyncio.ensure_future(page.do('check'))
        await page.until(lambda s: s['checking'])
        assert (await page.do('check'))[0] == 400
        assert (await first)[0] == 200
        state = await page.state()
        assert (state['checking'], state['findings']) == (False, [FINDING])
    bench.run(story)


def test_a_camera_that_fails_is_named(bench: Bench):
    bench.reader.problem = 'camera: unplugged'

    async def story(page: Page) -> None:
        assert (await page.state())['problem'] == 'camera: unplugged'
        assert (await page.get('/api/picture'))[0] == 502
        assert (await page.do('check'))[0] == 502
        assert not (await page.state())['checking']
    bench.run(story)


@pytest.mark.skipif(BROWSER is None, reason='needs Chromium: apt install chromium')
def test_in_a_browser_the_crop_is_dragged_and_saved(bench: Bench):
    engine = pytest.importorskip('playwright.async_api')
    shots = os.environ.get('RIG_ROS_SCREENSHOTS')

    async def story(page: Page) -> None:
        async with engine.async_playwright() as running:
            chromium = await running.chromium.launch(executable_path=BROWSER, args=[
                '--no-sandbox', '--disable-gpu', '--no-first-run'])
            tab = await chromium.new_page(viewport={'width': 1440, 'height': 900})
            errors: list[str] = []
            tab.on('pageerror', lambda error: errors.append(str(error)))
            await tab.goto(page.origin)
            await tab.wait_for_function('document.querySelector("#crop-width").value === "480"')
            box = await tab.locator('#stage').bounding_box()
            scale = box['width'] / 640

            async def drag(start: tuple[float, float], end: tuple[float, float]) -> None:
                await tab.mouse.move(box['x'] + scale * start[0], box['y'] + scale * start[1])
                await tab.mouse.down()
                await tab.mouse.move(box['x'] + scale * end[0], box['y'] + scale * end[1],
                                     steps=4)
                await tab.mouse.up()

            await drag((557, 477), (360, 280))  # the lower right corner, inwards
            await drag((200, 100), (170, 140))  # the whole square
            await tab.locator('#stage').focus()
            await tab.keyboard.press('ArrowRight')
            await tab.click('#reference')
            await tab.get_by_text('The view is the same.').wait_for()
            await tab.click('#save')
            await tab.get_by_text('In use: lab.yaml').wait_for()
            assert bench.saved['crop'] == pytest.approx([51, 40, 280, 280], abs=3)
            assert bench.saved['crop'][2] == bench.saved['crop'][3]
            for name, size in (('desktop', (1440, 900)), ('phone', (390, 844))):
                await tab.set_viewport_size({'width': size[0], 'height': size[1]})
                wide = await tab.evaluate('document.documentElement.scrollWidth')
                assert wide <= size[0], name
                if shots:
                    await tab.screenshot(path=f'{shots}/camera-{name}.png', full_page=True)
            await chromium.close()
            assert errors == []
    bench.run(story)
