"""The server as pages and attackers meet it, over real HTTP, with a graph that only remembers."""

from __future__ import annotations

import aiohttp
import pytest

pytest.importorskip('aiohttp')

from console_bench import ConsoleBench, Page, camera_frame, diagnostics, hear

from rig_ros.console.access import Gate
from rig_ros.console.site import MAX_BODY


def test_the_page_and_its_files_are_served_with_a_strict_policy():
    async def story(page: Page) -> None:
        for path in ('/', '/static/main.js', '/static/style.css'):
            async with page.session.get(page.origin + path) as answer:
                assert answer.status == 200
                policy = answer.headers['Content-Security-Policy']
                assert "default-src 'none'" in policy
                assert 'unsafe' not in policy
                assert 'http' not in (await answer.text()).replace('http://www.w3.org', '')
    ConsoleBench().run(story)


@pytest.mark.parametrize('path', [
    '/static/../server.py', '/static/..%2fserver.py', '/static/%2e%2e/%2e%2e/access.py',
    '/static//etc/passwd', '/static/main.js%00.html', '/..%5c..%5csecret', '/static/'])
def test_path_tricks_find_nothing(path: str):
    async def story(page: Page) -> None:
        from yarl import URL
        async with page.session.get(URL(page.origin + path, encoded=True)) as answer:
            assert answer.status in (400, 404)
            assert 'import' not in await answer.text()
    ConsoleBench().run(story)


def test_who_connects_gets_everything_and_then_what_changes():
    bench = ConsoleBench()

    async def story(page: Page) -> None:
        bench.state.take(diagnostics('guard: motion', 1, 'no valid command for 200 ms'))
        bench.state.take(camera_frame())
        async with page.live() as socket:
            assert (await hear(socket, 'parts'))[0]['level'] == 1
            bench.state.take(diagnostics('guard: motion', 0, 'commands are forwarded'))
            assert (await hear(socket, 'parts'))[0]['level'] == 0
            bench.state.take(camera_frame(stamp=9))
            while (message := await socket.receive(timeout=5)).type is not \
                    aiohttp.WSMsgType.BINARY:
                pass
            assert message.data[9:13] == b'\x89PNG'
    bench.run(story)


@pytest.mark.parametrize('headers', [{'Origin': 'http://evil.example'}, {'Host': 'evil.example'}])
def test_foreign_pages_cannot_watch(headers: dict[str, str]):
    async def story(page: Page) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await page.live(**headers)
        assert refusal.value.status == 403
    ConsoleBench().run(story)


@pytest.mark.parametrize('headers', [
    {'Origin': 'http://evil.example'}, {'Origin': ''}, {'Origin': 'null'},
    {'Host': 'evil.example', 'Origin': 'http://evil.example'}, {'X-Console-Key': ''},
    {'X-Console-Key': 'short'}])
def test_foreign_pages_cannot_command(headers: dict[str, str]):
    bench = ConsoleBench()

    async def story(page: Page) -> None:
        assert (await page.do('take'))[0] == 200
        for command in ('start', 'estop_trip', 'estop_clear', 'take'):
            status, answer = await page.post(f'/api/do/{command}', {}, **headers)
            assert status == 403, command
            assert answer['error']
        assert bench.graph.asked == []
    bench.run(story)


def test_commands_need_control_and_reach_the_graph():
    bench = ConsoleBench()

    async def story(page: Page) -> None:
        status, answer = await page.do('start')
        assert (status, bench.graph.asked) == (403, [])
        assert 'Take control' in answer['error']
        await page.do('take', name='Ann')
        assert await page.do('start') == (200, {'answer': 'done'})
        assert bench.graph.asked[0]['service'] == 'episode/start'
    bench.run(story)


def test_a_second_operator_is_refused_by_name_but_can_stop_the_arm():
    bench = ConsoleBench()

    async def story(page: Page) -> None:
        other = bench.another(page)
        await page.do('take', name='Ann')
        for command in ('take', 'start', 'estop_clear', 'reset', 'goal_clear'):
            status, answer = await other.do(command)
            assert status == 403, command
            assert 'Ann' in answer['error']
        assert (await other.do('estop_trip'))[0] == 200
        assert [a['service'] for a in bench.graph.asked] == ['estop/trip']
        await page.do('release')
        assert (await other.do('take'))[0] == 200
    bench.run(story)


def test_a_refusal_of_the_graph_comes_back_with_its_reason():
    bench = ConsoleBench()
    bench.graph.refusal = 'episode/start: no goal is active'

    async def story(page: Page) -> None:
        await page.do('take')
        assert await page.do('start') == (400, {'error': bench.graph.refusal})
    bench.run(story)


@pytest.mark.parametrize(('body', 'status'), [
    (b'{', 400), (b'[]', 400), (b'"x"', 400), (b'[' * 60_000, 400), (b' ' * (MAX_BODY + 1), 413)])
def test_bodies_that_are_not_requests_are_refused(body: bytes, status: int):
    async def story(page: Page) -> None:
        assert (await page.post('/api/do/take', body))[0] == status
    ConsoleBench().run(story)


def test_unknown_commands_are_not_found():
    async def story(page: Page) -> None:
        assert (await page.do('rm'))[0] == 404
    ConsoleBench().run(story)


def test_with_a_token_nothing_is_told_before_the_log_in():
    token = 't' * 32

    async def story(page: Page) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await page.live()
        assert refusal.value.status == 401
        assert (await page.do('estop_trip'))[0] == 401
        assert (await page.post('/api/login', {'token': 'x' * 32}))[0] == 403
        assert (await page.post('/api/login', {'token': 3}))[0] == 403
        async with page.session.post(f'{page.origin}/api/login', json={'token': token},
                                     headers={'Origin': page.origin}) as answer:
            cookie = answer.headers['Set-Cookie']
            assert 'HttpOnly' in cookie
            assert 'SameSite=Strict' in cookie
            value = cookie.partition(';')[0]
        async with page.live(Cookie=value) as socket:
            await hear(socket, 'link')
    ConsoleBench(Gate('127.0.0.1', token)).run(story)


def test_a_page_that_talks_on_the_stream_is_shut_out():
    async def story(page: Page) -> None:
        async with page.live() as socket:
            await socket.send_str('x' * 10_000)
            while (await socket.receive(timeout=5)).type is not aiohttp.WSMsgType.CLOSE:
                pass
    ConsoleBench().run(story)
