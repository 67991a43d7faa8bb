"""Goals over HTTP: capture, upload, save, send, queue, judge; and who may."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('aiohttp')

from console_bench import Page, camera_frame, diagnostics
from goal_bench import PICTURE, GoalBench, photo


async def upload(page: Page, content: bytes) -> tuple[int, Any]:
    return await page.post('/api/upload?name=photo.png', content)


def test_what_the_robot_sees_can_be_captured_saved_and_sent(tmp_path: Path):
    bench = GoalBench(tmp_path)

    async def story(page: Page) -> None:
        await page.do('take')
        status, answer = await page.do('capture')
        assert status == 400
        assert 'no picture arrives' in answer['error']
        bench.state.take(camera_frame(stamp=7))
        _, answer = await page.do('capture')
        number = answer['answer']['number']
        assert (await page.do('goal_save', number=number, name='home'))[0] == 200
        assert (await page.do('goal_send', name='home'))[0] == 200
        sent = bench.graph.asked[-1]
        assert (sent['do'], sent['height'], sent['width']) == ('goal', 84, 84)
        assert sent['body'] == bench.state.camera.tobytes()
        status, _ = await page.get('/api/picture/library/home')
        assert status == 200
    bench.play(story)


def test_an_upload_is_cut_like_the_cameras_picture(tmp_path: Path):
    bench = GoalBench(tmp_path)

    async def story(page: Page) -> None:
        await page.do('take')
        status, answer = await upload(page, photo())
        assert status == 200
        assert answer['answer']['region'] == [80, 0, 480, 480]
        assert bench.shown('tray')[0]['note'] == '640x480, middle square'
    bench.play(story)


def test_bad_uploads_are_refused_with_the_reason(tmp_path: Path):
    bench = GoalBench(tmp_path)

    async def story(page: Page) -> None:
        await page.do('take')
        for content, words in ((b'', 'empty'), (b'hello', 'not a picture'),
                               (photo()[:-9], 'cut off'), (bytes(13 * 2**20), 'larger than')):
            status, answer = await upload(page, content)
            assert status == 400
            assert words in answer['error']
        assert bench.shown('tray') == []
    bench.play(story)


def test_only_the_operator_uploads(tmp_path: Path):
    bench = GoalBench(tmp_path)

    async def story(page: Page) -> None:
        await page.do('take', name='Ann')
        status, answer = await upload(bench.another(page), photo())
        assert status == 403
        assert 'Ann' in answer['error']
    bench.play(story)


@pytest.mark.parametrize('path', ['/api/picture/library/..%2f..%2fsecret', '/api/picture/tray/x',
                                  '/api/picture/tray/99', '/api/picture/etc/passwd'])
def test_only_pictures_that_exist_are_served(tmp_path: Path, path: str):
    async def story(page: Page) -> None:
        assert (await page.get(path))[0] == 404
    GoalBench(tmp_path).play(story)


def test_the_queue_sends_keeps_results_and_takes_a_persons_word(tmp_path: Path):
    bench = GoalBench(tmp_path)
    bench.goals.library.save('a', PICTURE[:84, :84].copy(), 'test')

    async def story(page: Page) -> None:
        await page.do('take')
        bench.state.take(diagnostics('episode: episode', mode='practise'))
        await page.do('queue_add', name='a')
        status, answer = await page.do('queue_run')
        assert (status, 'allowed: reach' in answer['error']) == (400, True)
        bench.state.take(diagnostics('episode: episode', mode='reach'))
        await page.do('queue_run')

        async def sent() -> None:
            while not bench.shown('queue')['results']:
                await asyncio.sleep(0.01)
        await asyncio.wait_for(sent(), 10)
        for kind in ('start', 'end'):
            bench.state.take(({'kind': 'values', 'topic': 'episode/events', 'stamp': 1,
                               'name': 'episode', 'values': {
                                   'kind': kind, 'goal_id': 'done', 'steps': '50'}}, b''))
        result = bench.shown('queue')['results'][0]
        assert (result['label'], result['outcome'], result['steps']) == ('a', 'end', 50)
        await page.do('judge', id='done', success=True)
        assert bench.shown('library')[0]['successes'] == 1
    bench.play(story)


def test_an_episode_that_begins_before_the_goals_answer_is_seen(tmp_path: Path):
    bench = GoalBench(tmp_path)

    class Hasty:
        async def ask(self, *_: Any, **__: Any) -> str:
            bench.state.take(({'kind': 'values', 'topic': 'episode/events', 'stamp': 1,
                               'name': 'episode', 'values': {'kind': 'start', 'goal_id': '7'}},
                              b''))
            return '7'

    async def story(page: Page) -> None:
        await page.do('take')
        bench.state.take(camera_frame())
        _, answer = await page.do('capture')
        await page.do('goal_send', number=answer['answer']['number'])
        assert bench.shown('queue')['results'][0]['outcome'] == 'runs'
    bench.goals._graph = Hasty()
    bench.play(story)


def test_an_evaluation_pursues_every_goal_and_writes_a_report(tmp_path: Path):
    bench = GoalBench(tmp_path)
    for name, truth in (('a', {'hand': (0.0, 0.0, 0.0)}), ('b', {})):
        bench.goals.library.save(name, PICTURE[:84, :84].copy(), 'test', truth)

    async def answered(page: Page) -> None:
        """Play the graph: end the episode of each goal that is sent, until the report is there."""
        while 'report' not in bench.board.entries:
            for result in bench.shown('queue')['results']:
                if result['outcome'] == 'sent':
                    bench.state.take(camera_frame(stamp=1))
                    bench.state.take(({'kind': 'truth', 'stamp': 1,
                                       'values': {'hand': '0.03 0.04 0'}}, b''))
                    bench.state.take(({'kind': 'values', 'topic': 'episode/events', 'stamp': 1,
                                       'name': 'episode', 'values': {
                                           'kind': 'end', 'steps': '9', 'episode_id': result['id'],
                                           'goal_id': result['id']}}, b''))
            await asyncio.sleep(0.02)

    async def story(page: Page) -> None:
        assert (await page.get('/api/report'))[0] == 404
        await page.do('take')
        assert (await page.do('evaluate'))[0] == 200
        await asyncio.wait_for(answered(page), 20)
        async with page.session.get(f'{page.origin}/api/report') as answer:
            assert 'sandbox' in answer.headers['Content-Security-Policy']
            text = await answer.text()
        assert 'Goals of the library' in text
        assert text.count('>end<') == 2
        assert text.count('hand 5.0 cm') == 1
        gaps = {r['label']: r['gap'] for r in bench.shown('queue')['results']}
        assert gaps['b'] is None
        assert gaps['a']['distance'] == pytest.approx(0.05)
    bench.goals._graph = Numbered()
    bench.play(story)


class Numbered:
    """A graph that accepts goals under ids of their own."""

    def __init__(self) -> None:
        self.count = 0

    async def ask(self, *_: Any, **__: Any) -> str:
        self.count += 1
        return str(self.count)


@pytest.mark.parametrize(('command', 'fields'), [
    ('goal_send', {}), ('goal_send', {'number': 'x'}), ('goal_send', {'name': '../x'}),
    ('goal_save', {'number': 1, 'name': 'a'}), ('queue_add', {'name': 3}),
    ('judge', {'id': '1', 'success': 'yes'}), ('judge', {'id': '1', 'success': True}),
    ('veto', {'number': [1]}), ('evaluate', {}), ('imagine', {}), ('draw', {})])
def test_wrong_requests_are_refused_with_a_reason(tmp_path: Path, command: str,
                                                  fields: dict[str, Any]):
    async def story(page: Page) -> None:
        await page.do('take')
        status, answer = await page.do(command, **fields)
        assert status == 400
        assert len(answer['error']) > 20
    GoalBench(tmp_path).play(story)
