"""The page in Chromium beside the real simulated graph: what an operator does, from end to end.

One graph (`rig_ros up sim`, real time, the released model), one console, one operator's tab for
the whole module. Set RIG_ROS_SCREENSHOTS to a folder to keep the pictures.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

pytest.importorskip('aiohttp')
pytest.importorskip('rclpy')
pytest.importorskip('mujoco')
playwright = pytest.importorskip('playwright.sync_api')

from bad_pictures import BAD
from browser_bench import FLAGS, SIZES, browser_or_skip, screenshot_path

from rig_ros.cli.local_graph import released_bundle
from rig_ros.control import task as tasks
from rig_ros.simulation.environment import held_out_goals

BROWSER = browser_or_skip()
pytestmark = [pytest.mark.ros, pytest.mark.render, pytest.mark.slow]
START_MS = 90_000
STEPS = 30
NODES = 7
"""That report: sim, encoder, goal, policy, guard, episode, recorder."""
TRIES = 3
"""A machine that stands still for longer than the guard's patience ends an episode."""
AXE = 'axe-core@4.14.1'
KINDS = ('empty', 'text', 'gif', 'bmp', 'svg', 'webp', 'png cut off', 'damaged png', 'pixel bomb',
         'too small', 'one colour', 'transparent', 'animated', 'something behind it')
expect = playwright.expect
expect.set_options(timeout=15_000)


class Lab:
    """The graph and the console as a person starts them, and the operator's tab."""

    def __init__(self, folder: Path, chromium: Any) -> None:
        self.folder, self.chromium = folder, chromium
        self.errors: list[str] = []
        self._log = (folder / 'log.txt').open('wb')
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        self.origin = f'http://localhost:{port}'
        self.console = self._start('console', '--port', str(port), '--goals', folder / 'goals',
                                   '--runs', folder)
        self.start_graph()
        self.page = self.tab()

    def _start(self, *arguments: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, '-m', 'rig_ros.cli.main', *map(str, arguments)], stdout=self._log,
            stderr=self._log, stdin=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, 'XDG_RUNTIME_DIR': str(self.folder)})  # a tripped e-stop is kept

    def start_graph(self) -> None:
        self.graph = self._start('up', 'sim', '--task', 'reach', '--bundle',
                                 released_bundle('reach'), '--clock', 'realtime', '--horizon',
                                 STEPS, '--run', self.folder / 'run')

    def kill_graph(self) -> None:
        """Kill the supervisor; the kernel kills its nodes with it."""
        os.killpg(self.graph.pid, signal.SIGKILL)
        self.graph.wait()

    def tab(self, size: str = 'desktop', **options: Any) -> Any:
        """Open a tab of a viewer of its own."""
        width, height = SIZES[size]
        context = self.chromium.new_context(viewport={'width': width, 'height': height}, **options)
        opened = context.new_page()
        opened.set_default_timeout(20_000)
        opened.on('pageerror', lambda error: self.errors.append(str(error)))
        for _ in range(100):  # the console's own start
            try:
                opened.goto(self.origin)
                return opened
            except playwright.Error:
                opened.wait_for_timeout(200)
        pytest.fail('the console does not answer')

    def keep(self, name: str, opened: Any = None) -> None:
        if path := screenshot_path(f'graph-{name}'):
            (opened or self.page).screenshot(path=path, full_page=opened is not None)

    def close(self) -> None:
        for process in (self.console, self.graph):
            process.send_signal(signal.SIGINT)
        for process in (self.console, self.graph):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        self._log.close()


@pytest.fixture(scope='module')
def lab() -> Iterator[Lab]:
    with tempfile.TemporaryDirectory() as folder, playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=BROWSER, args=FLAGS)
        lab = Lab(Path(folder), chromium)
        try:
            ready(lab)
            lab.page.click('#control')
            answer(lab.page, 'Ann')
            yield lab
        finally:
            chromium.close()
            lab.close()
        assert lab.errors == []


def ready(lab: Lab) -> None:
    """Wait until the page shows a graph that can act."""
    expect(lab.page.locator('#camera-note')).to_have_text('live', timeout=START_MS)
    expect(lab.page.locator('#link')).to_have_text(f'{NODES} nodes', timeout=START_MS)
    expect(lab.page.locator('#model')).not_to_contain_text('none', timeout=START_MS)


def view(opened: Any, name: str) -> None:
    opened.click(f'.tabs a[href="#{name}"]')


def answer(opened: Any, text: str | None = None) -> None:
    """Agree to the page's question."""
    if text is not None:
        opened.fill('#ask input', text)
    opened.click('#ask [value=yes]')


def reach(lab: Lab, pursue: str, label: str) -> Any:
    """Pursue a goal until an episode has run to its end; return its result on the page."""
    newest = lab.page.locator('#results li').first
    for _ in range(TRIES):
        count = lab.page.locator('#results li', has_text=re.compile('ended|aborted')).count()
        lab.page.get_by_role('button', name=pursue).click()
        expect(lab.page.locator('#results li', has_text=re.compile('ended|aborted'))
               ).to_have_count(count + 1, timeout=40_000)
        expect(newest).to_contain_text(label)
        if 'ended' in newest.inner_text():
            return newest
    pytest.fail(f'aborted {TRIES} times: {newest.inner_text()}')


def picture_of(goal: Any) -> dict[str, Any]:
    done, content = cv2.imencode('.png', goal.image_hwc_u8[..., ::-1])
    assert done
    return {'name': 'over-there.png', 'mimeType': 'image/png', 'buffer': bytes(content)}


def test_an_uploaded_goal_is_reached_and_its_result_is_seen(lab: Lab):
    task = tasks.load('reach')
    goal = max(held_out_goals(task, 6), key=lambda g: abs(g.truth['hand'][1]))
    view(lab.page, 'goals')
    lab.page.set_input_files('#file', picture_of(goal))
    expect(lab.page.locator('#preview')).to_be_visible()
    result = reach(lab, 'Pursue from over-there.png', 'from over-there.png')
    expect(result).to_contain_text(f'ended, after {STEPS} steps, latent distance')
    verdict = result.get_by_role('button', name='Reached')
    verdict.click()
    expect(verdict).to_have_attribute('aria-pressed', 'true')
    lab.keep('uploaded')
    view(lab.page, 'live')
    expect(lab.page.locator('#goal-note')).to_contain_text('goal is active')
    lab.keep('reached')


def test_what_the_robot_sees_becomes_a_goal_and_its_true_distance_is_told(lab: Lab):
    view(lab.page, 'live')
    lab.page.click('#capture')
    answer(lab.page, 'kept')
    view(lab.page, 'goals')
    result = reach(lab, 'Pursue kept', 'kept')
    told = re.search(r'hand ([\d.]+) cm from its place', result.inner_text())
    assert told, result.inner_text()
    assert float(told[1]) < 5.0
    expect(lab.page.locator('#library')).to_contain_text('1 attempt')
    lab.keep('captured')


def test_ten_goals_are_imagined_one_is_pinned_one_vetoed(lab: Lab):
    view(lab.page, 'goals')
    vetoes = lab.page.locator('#tray').get_by_role('button', name='Veto')
    lab.page.click('[data-do=imagine]')
    expect(vetoes).to_have_count(10, timeout=60_000)
    vetoes.first.click()
    expect(vetoes).to_have_count(9)
    lab.page.locator('#tray').get_by_role('button', name='Pin').first.click()
    answer(lab.page, 'dreamt')
    expect(lab.page.locator('#library')).to_contain_text('dreamt')
    lab.keep('imagined')


def test_the_e_stop_ends_an_episode_and_clearing_it_asks(lab: Lab):
    page, banner = lab.page, lab.page.locator('#tripped')
    newest = page.locator('#results li').first
    for _ in range(TRIES):  # on a slow machine the episode may be over before the click
        view(page, 'goals')
        page.get_by_role('button', name='Pursue dreamt').click()
        expect(newest).to_contain_text(re.compile('dreamt(on its way|ended|aborted)'))
        page.click('#estop')
        expect(banner).to_contain_text('E-stop is tripped')
        expect(page.locator('#estop')).to_have_text('Stopped')
        expect(newest).to_contain_text(re.compile('ended|aborted'))
        view(page, 'live')
        page.click('#clear')
        lab.keep('tripped')
        page.click('#ask [value=no]')
        expect(banner).to_be_visible()
        page.click('#clear')
        answer(page)
        expect(banner).to_be_hidden()
        expect(page.locator('#estop')).to_have_text('Stop the arm')
        if 'aborted, e-stop' in newest.text_content():
            return
    pytest.fail(f'ended {TRIES} times before the e-stop: {newest.text_content()}')


def test_an_evaluation_tells_true_distances(lab: Lab):
    view(lab.page, 'goals')
    lab.page.click('#evaluate')
    answer(lab.page)
    expect(lab.page.locator('#report')).to_be_visible(timeout=60_000)
    report = lab.page.request.get(f'{lab.origin}/api/report').text()
    assert re.search(r'kept.*hand [\d.]+ cm', report, re.DOTALL)


def test_a_second_operator_is_refused_by_name(lab: Lab):
    second = lab.tab()
    expect(second.locator('#operator')).to_have_text('Ann has control')
    second.click('#start')
    refusal = second.locator('.toast.is-bad', has_text='Ann holds it')
    expect(refusal).to_be_visible()
    view(second, 'goals')
    second.set_input_files('#file', {'name': 'p.png', 'mimeType': 'image/png', 'buffer': b'x'})
    expect(refusal).to_have_count(2)
    lab.keep('refused', second)
    second.context.close()


def test_bad_files_are_refused_with_their_reason(lab: Lab):
    view(lab.page, 'goals')
    before = lab.page.locator('#tray li').count()
    for kind in KINDS:
        make, words = BAD[kind]
        lab.page.set_input_files('#file', {
            'name': f'{kind}.png', 'mimeType': 'image/png', 'buffer': make()})
        expect(lab.page.locator('.toast.is-bad', has_text=words).first).to_be_visible()
    lab.keep('bad-files')
    assert lab.page.locator('#tray li').count() == before


@pytest.mark.parametrize('size', SIZES)
def test_nothing_hangs_over_and_the_e_stop_is_in_view(lab: Lab, size: str):
    opened, (width, height) = lab.tab(size), SIZES[size]
    expect(opened.locator('#camera-note')).to_have_text('live')
    for name in ('live', 'goals', 'learning', 'system'):
        view(opened, name)
        opened.evaluate('scrollTo(0, document.body.scrollHeight)')
        assert opened.evaluate('document.documentElement.scrollWidth') <= width, name
        box = opened.locator('#estop').bounding_box()
        assert 0 <= box['x'] <= width - box['width']
        assert 0 <= box['y'] <= height - box['height']
        lab.keep(f'{size}-{name}', opened)
    opened.context.close()


@pytest.fixture(scope='module')
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The checker's script, from npm."""
    npm = shutil.which('npm') or pytest.skip('needs npm')
    folder = tmp_path_factory.mktemp('axe')
    fetched = subprocess.run(
        [npm, 'install', '--prefix', str(folder), '--ignore-scripts', '--no-audit', '--no-fund',
         AXE], capture_output=True, text=True)
    if fetched.returncode:
        pytest.skip(f'npm does not give {AXE}: {fetched.stderr.strip()[-200:]}')
    return (folder / 'node_modules' / 'axe-core' / 'axe.min.js').read_text(encoding='utf-8')


@pytest.mark.parametrize(('size', 'scheme'), [('desktop', 'light'), ('phone', 'dark')])
def test_everybody_can_use_it(lab: Lab, axe: str, size: str, scheme: str):
    opened = lab.tab(size, color_scheme=scheme, bypass_csp=True)
    expect(opened.locator('#camera-note')).to_have_text('live')
    opened.evaluate(axe)
    for name in ('live', 'goals', 'learning', 'system'):
        view(opened, name)
        found = opened.evaluate('axe.run()')['violations']
        serious = [(v['id'], v['nodes'][0]['html']) for v in found
                   if v['impact'] in ('serious', 'critical')]
        assert serious == [], name
    opened.context.close()


def test_the_page_recovers_from_the_death_of_the_graph(lab: Lab):
    page = lab.page
    view(page, 'live')
    lab.kill_graph()
    expect(page.locator('#camera-note')).to_have_text('no picture arrives')
    expect(page.locator('#tripped')).to_contain_text('Guard silent')
    expect(page.locator('#problems')).to_contain_text('no node has spoken')
    lab.keep('graph-gone')
    lab.start_graph()
    ready(lab)
    expect(page.locator('#tripped')).to_be_hidden()
    expect(page.locator('#episode')).not_to_contain_text('Reaching')
    view(page, 'goals')
    expect(reach(lab, 'Pursue kept', 'kept')).to_contain_text('from its place')
