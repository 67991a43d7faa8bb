"""Modes and models from the page."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip('aiohttp')
pytest.importorskip('torch')

import random_bundle
from console_bench import ConsoleBench, Page

from rig_ros.console import commands
from rig_ros.console.files import Shelf
from rig_ros.console.imagine import imagined
from rig_ros.errors import DataError


def test_the_mode_is_set_on_the_episode_node():
    bench = ConsoleBench()

    async def story(page: Page) -> None:
        await page.do('take')
        assert (await page.do('mode', mode='practise'))[0] == 200
        assert bench.graph.asked[-1] == {'do': 'set', 'body': b'', 'node': 'episode',
                                         'name': 'mode', 'value': 'practise'}
        status, answer = await page.do('mode', mode='dance')
        assert status == 400
        assert "one of ['collect', 'practise', 'reach']" in answer['error']
    bench.run(story)


def test_models_below_the_folders_are_listed_and_offered_whole(tmp_path: Path):
    bundle = tmp_path / 'runs' / 'one' / 'bundle.safetensors'
    bundle.parent.mkdir(parents=True)
    bundle.write_bytes(random_bundle.content())
    (tmp_path / 'runs' / 'broken.safetensors').write_bytes(b'no model')
    (tmp_path / 'outside.safetensors').write_bytes(bundle.read_bytes() + b'x')
    bench = ConsoleBench()
    shelf = Shelf([tmp_path / 'runs'])
    bench.server.commands.update(commands.of_models(bench.graph, shelf))

    async def story(page: Page) -> None:
        _, answer = await page.do('models')
        (model,) = answer['answer']
        assert model['file'].endswith('one/bundle.safetensors')
        assert (await page.do('model_load', bundle_id=model['bundle_id']))[0] == 403
        await page.do('take')
        assert (await page.do('model_load', bundle_id=model['bundle_id']))[0] == 200
        sent = bench.graph.asked[-1]
        assert sent['body'] == bundle.read_bytes()
        assert sent['manifest']['bundle_id'] == model['bundle_id']
        assert (await page.do('model_load', bundle_id='../outside'))[0] == 400
    bench.run(story)


def test_a_shelf_sees_new_models_and_forgets_removed_ones(tmp_path: Path):
    shelf = Shelf([tmp_path])
    assert shelf.models() == []
    (tmp_path / 'a.safetensors').write_bytes(random_bundle.content())
    (model,) = shelf.models()
    assert shelf.find(model.bundle_id) is model
    (tmp_path / 'a.safetensors').unlink()
    with pytest.raises(DataError, match='is not below'):
        shelf.find(model.bundle_id)


@pytest.mark.slow
def test_imagined_goals_come_from_a_process_of_their_own(tmp_path: Path):
    import asyncio

    (tmp_path / 'a.safetensors').write_bytes(random_bundle.content())
    pictures = asyncio.run(imagined(tmp_path / 'a.safetensors', 3, 1))
    assert [p.shape for p in pictures] == [(84, 84, 3)] * 3
