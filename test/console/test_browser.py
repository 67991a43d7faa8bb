"""The page in a real browser (Chromium by Playwright), with a graph that only remembers.

Skipped where there is no browser; `make setup` installs one where it may. Set
RIG_ROS_SCREENSHOTS to a folder to keep the pictures.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('aiohttp')
playwright = pytest.importorskip('playwright.async_api')

from browser_bench import FLAGS, SIZES, browser_or_skip, screenshot_path
from console_bench import Page, camera_frame, diagnostics
from goal_bench import GoalBench, photo
from line import Line

BROWSER = browser_or_skip()


@asynccontextmanager
async def browser() -> AsyncIterator[Any]:
    async with playwright.async_playwright() as engine:
        chromium = await engine.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield chromium
        await chromium.close()


@asynccontextmanager
async def tab(chromium: Any, page: Page, size: str = 'desktop') -> AsyncIterator[Any]:
    """A viewer's tab; any error on the page's console fails the test."""
    width, height = SIZES[size]
    context = await chromium.new_context(viewport={'width': width, 'height': height})
    opened, errors = await context.new_page(), []
    opened.set_default_timeout(15_000)
    opened.on('pageerror', lambda error: errors.append(str(error)))
    await opened.goto(page.origin)
    yield opened
    await context.close()
    assert errors == []


async def keep(opened: Any, name: str) -> None:
    if path := screenshot_path(name):
        await opened.screenshot(path=path)


def lively(folder: Path, clock: Callable[[], float] = lambda: 1.0) -> GoalBench:
    """A graph that has said something, and does not fall silent while its clock stands still."""
    bench = GoalBench(folder, clock)
    bench.state.take(({'kind': 'joined', 'domain': '1', 'namespace': '/'}, b''))
    bench.state.take(camera_frame())
    bench.state.take(diagnostics('guard: motion', 1, 'no valid command for 200 ms'))
    bench.state.take(diagnostics('episode: episode', 0, 'waits for episode/start', mode='reach',
                                 episodes='3', steps='0'))
    bench.state.take(({'kind': 'estop', 'tripped': False}, b''))
    return bench


async def answer(opened: Any, agree: bool, text: str | None = None) -> None:
    """Answer the page's question."""
    if text is not None:
        await opened.fill('#ask input', text)
    await opened.click(f'#ask [value={"yes" if agree else "no"}]')


def test_every_width_has_the_e_stop_in_view_and_nothing_hangs_over(tmp_path: Path):
    bench = lively(tmp_path)

    async def story(page: Page) -> None:
        async with browser() as chromium:
            for size, (width, height) in SIZES.items():
                async with tab(chromium, page, size) as opened:
                    await opened.get_by_text('no valid command').first.wait_for()
                    for view in ('live', 'goals', 'learning', 'system'):
                        await opened.click(f'.tabs a[href="#{view}"]')
                        await opened.evaluate('scrollTo(0, document.body.scrollHeight)')
                        box = await opened.locator('#estop').bounding_box()
                        assert box['x'] >= 0
                        assert box['x'] + box['width'] <= width
                        assert 0 <= box['y'] <= height - box['height']
                        assert box['height'] >= 44
                        assert await opened.evaluate(
                            'document.documentElement.scrollWidth') <= width, (size, view)
                        await keep(opened, f'{size}-{view}')
    bench.play(story)


def test_the_e_stop_trips_by_keyboard_without_control_and_clearing_asks(tmp_path: Path):
    bench = lively(tmp_path)

    async def story(page: Page) -> None:
        async with browser() as chromium, tab(chromium, page) as opened:
            await opened.get_by_text('no valid command').first.wait_for()
            await opened.keyboard.press('Escape')
            await opened.keyboard.press('Escape')
            await opened.get_by_text('done').wait_for()
            assert [a['service'] for a in bench.graph.asked] == ['estop/trip']
            bench.state.take(({'kind': 'estop', 'tripped': True}, b''))
            await opened.click('#clear')
            await answer(opened, False)
            assert len(bench.graph.asked) == 1
            await opened.click('#clear')
            await opened.locator('#estop').click()  # within reach while the page asks
            await answer(opened, True)
            await opened.get_by_text('You have control').wait_for()
            services = [a['service'] for a in bench.graph.asked]
            assert services == ['estop/trip', 'estop/trip', 'estop/clear']
    bench.play(story)


def test_a_silent_guard_leaves_the_e_stop_banner_in_place(tmp_path: Path):
    now = [1.0]
    bench = lively(tmp_path, lambda: now[0])

    async def story(page: Page) -> None:
        async with browser() as chromium, tab(chromium, page) as opened:
            banner = opened.locator('#tripped')
            await opened.get_by_text('no valid command').first.wait_for()
            assert await banner.is_hidden()
            bench.state.take(({'kind': 'estop', 'tripped': True}, b''))
            await banner.get_by_text('E-stop is tripped').wait_for()
            now[0] += 10.0
            await banner.get_by_text('Guard silent: e-stop state unknown, last known: '
                                     'tripped').wait_for()
            await keep(opened, 'guard-silent')
            bench.state.take(({'kind': 'estop', 'tripped': False}, b''))
            await banner.wait_for(state='hidden')
            now[0] += 10.0
            await banner.get_by_text('last known: clear').wait_for()
            assert await opened.locator('#clear').is_hidden()
    bench.play(story)


def test_capture_upload_veto_and_pursue(tmp_path: Path):
    bench = lively(tmp_path)

    async def story(page: Page) -> None:
        async with browser() as chromium, tab(chromium, page) as opened:
            await opened.click('.tabs a[href="#goals"]')
            bench.state.take(camera_frame(2))
            await opened.click('[data-do=capture]')
            await opened.click('#tray >> text=Save…')
            await answer(opened, True, 'The Corner!')
            await opened.locator('#library >> text=the-corner').wait_for()
            await opened.set_input_files('#file', {
                'name': 'p.png', 'mimeType': 'image/png', 'buffer': photo()})
            await opened.locator('#preview').wait_for()
            await opened.set_input_files('#file', {
                'name': 'p.gif', 'mimeType': 'image/gif', 'buffer': b'GIF89a' + bytes(99)})
            await opened.get_by_text('is a GIF, allowed: PNG or JPEG').wait_for()
            bench.goals._tray.put('imagined', 'imagined', bench.state.camera)
            await opened.click('#tray >> text=Veto')
            await opened.locator('#tray >> text=Veto').wait_for(state='detached')
            await opened.click('#library >> text=Pursue')
            await opened.locator('#results >> text=the-corner').wait_for()
            assert bench.graph.asked[-1]['do'] == 'goal'
            await keep(opened, 'goals')
    bench.play(story)


def test_a_second_operator_is_told_who_has_control(tmp_path: Path):
    bench = lively(tmp_path)

    async def story(page: Page) -> None:
        async with browser() as chromium, tab(chromium, page) as first, \
                tab(chromium, page) as second:
            await first.click('#control')
            await answer(first, True, 'Ann')
            await second.get_by_text('Ann has control').wait_for()
            await second.click('#start')
            await second.get_by_text('Ann holds it').wait_for()
            assert bench.graph.asked == []
    bench.play(story)


@pytest.mark.parametrize('way', ['dead', 'cut'])
def test_the_page_says_that_it_is_old_and_recovers_by_itself(tmp_path: Path, way: str):
    # On a dead line the browser waits long for an answer to its close; the page must not.
    bench = lively(tmp_path)

    async def story(page: Page) -> None:
        async with Line(bench.port) as line, browser() as chromium, \
                tab(chromium, Page(line.port, page.session, page.key)) as opened:
            await opened.get_by_text('no valid command').first.wait_for()
            line.die()
            if way == 'cut':
                line.cut()
            await opened.get_by_text('Connection lost').wait_for()
            await opened.get_by_role('button', name='Stop the arm').click()
            await opened.get_by_text('E-stop not confirmed').first.wait_for()
            line.revive()
            await opened.get_by_text('Connection lost').wait_for(state='hidden')
            bench.state.take(diagnostics('guard: motion', 2, 'outside of the box'))
            await opened.get_by_text('outside of the box').first.wait_for()
    bench.play(story)
