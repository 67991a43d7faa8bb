"""The encoder node: stamps, encoder id, model updates and everything it must refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')
pytest.importorskip('torch')

import random_bundle
from model_feed import ModelFeed
from ros_bench import RosBench

from rig_ros.errors import DataError, ModelMismatch
from rig_ros.learning import bundle as bundles
from rig_ros.nodes.encoder import EncoderNode
from rig_ros.ros import topics
from rig_ros.ros.conversions import array_to_image, cloud_to_latent, stamp_ns, to_stamp
from rig_ros.ros.diagnostics import Level

PICTURE = np.random.default_rng(0).integers(0, 255, (84, 84, 3), dtype=np.uint8)


@pytest.fixture
def bundle_file(tmp_path: Path) -> Path:
    path = tmp_path / 'first.safetensors'
    path.write_bytes(random_bundle.content(0))
    return path


def test_latent_has_the_stamp_of_its_picture_and_names_its_encoder(bundle_file: Path) -> None:
    model = bundles.load(bundle_file)
    with RosBench() as bench:
        bench.add(EncoderNode, bundle=str(bundle_file))
        images, latents = bench.publisher(topics.CAMERA_IMAGE), bench.collect(topics.LATENT)
        bench.connected(images)
        images.publish(array_to_image(PICTURE, to_stamp(123_456_789_012)))
        bench.until(lambda: latents)
        latent = cloud_to_latent(latents[0])
    assert latent is not None
    assert (latent.stamp_ns, latent.encoder_id) == (123_456_789_012, model.manifest.encoder_id)
    mean, log_variance = model.encode(PICTURE)
    np.testing.assert_allclose(latent.mean, mean, rtol=1e-5)
    np.testing.assert_allclose(latent.log_variance, log_variance, rtol=1e-5)


def test_without_a_model_it_waits_and_takes_the_first_that_is_named() -> None:
    with RosBench() as bench:
        node = bench.add(EncoderNode)
        feed = ModelFeed(bench)
        images, latents = bench.publisher(topics.CAMERA_IMAGE), bench.collect(topics.LATENT)
        bench.connected(images)
        assert node.board.level('model') is Level.WARN
        bundle_id = feed.publish(1)
        feed.until_status(ready=bundle_id, active='')
        images.publish(array_to_image(PICTURE, to_stamp(5)))
        bench.spin_for(0.2)
        assert not latents
        feed.event('reset', bundle_id=bundle_id)
        feed.until_status(ready='', active=bundle_id)
        images.publish(array_to_image(PICTURE, to_stamp(6)))
        bench.until(lambda: latents)
        assert stamp_ns(latents[0].header.stamp) == 6
        assert node.board.level('model') is Level.OK


@pytest.mark.parametrize(('fault', 'reason'), [
    ('truncated', 'truncated'), ('altered', 'sha256'), ('task', "got 'push'"),
    ('nonsense', 'sha256')])
def test_bad_bundle_is_refused_and_the_old_one_stays(bundle_file: Path, fault: str,
                                                     reason: str) -> None:
    content = random_bundle.content(1)
    with RosBench() as bench:
        node = bench.add(EncoderNode, bundle=str(bundle_file))
        feed = ModelFeed(bench)
        first = bundles.load(bundle_file).bundle_id
        if fault == 'truncated':
            refused = feed.publish(1, content[:-100])
        elif fault == 'altered':
            refused = feed.publish(1, content[:-1] + bytes([content[-1] ^ 1]))
        elif fault == 'nonsense':
            refused = feed.publish(1, b'x' * len(content))
        else:
            refused = feed.publish(1, task='push')
        status = feed.until_status(refused=refused)
        assert reason in status['reason']
        feed.event('reset', bundle_id=refused)
        bench.spin_for(0.2)
        assert feed.status()['active'] == first
        assert node.board.level('model') is Level.WARN


@pytest.mark.parametrize('shape', [(48, 48, 3), (84, 80, 3)])
def test_picture_of_another_size_gives_no_latent_but_an_error(bundle_file: Path,
                                                              shape: tuple[int, ...]) -> None:
    with RosBench() as bench:
        node = bench.add(EncoderNode, bundle=str(bundle_file))
        images, latents = bench.publisher(topics.CAMERA_IMAGE), bench.collect(topics.LATENT)
        bench.connected(images)
        images.publish(array_to_image(np.zeros(shape, np.uint8), to_stamp(5)))
        bench.until(lambda: node.board.level('camera/image') is Level.ERROR)
        assert not latents
        images.publish(array_to_image(PICTURE, to_stamp(6)))
        bench.until(lambda: latents)
        assert node.board.level('camera/image') is Level.OK


def test_raises_error_if_the_bundle_parameter_is_truncated(bundle_file: Path) -> None:
    bundle_file.write_bytes(bundle_file.read_bytes()[:-50])
    with RosBench() as bench:
        node = bench.add(EncoderNode, start=False, bundle=str(bundle_file))
        assert not node.start()
        assert isinstance(node.failure, DataError)


def test_raises_error_if_the_bundle_parameter_is_of_another_task(bundle_file: Path) -> None:
    bundle_file.write_bytes(random_bundle.content(0, 'push'))
    with RosBench() as bench:
        node = bench.add(EncoderNode, start=False, bundle=str(bundle_file))
        assert not node.start()
        assert isinstance(node.failure, ModelMismatch)
        assert "got 'push', allowed: 'reach_xy'" in str(node.failure)


def test_plot_is_a_joint_state_with_all_arrays(bundle_file: Path) -> None:
    with RosBench() as bench:
        bench.add(EncoderNode, bundle=str(bundle_file), plot=True)
        images, plots = bench.publisher(topics.CAMERA_IMAGE), bench.collect(topics.LATENT_PLOT)
        bench.connected(images)
        images.publish(array_to_image(PICTURE, to_stamp(5)))
        bench.until(lambda: plots)
        assert list(plots[0].name) == ['z0', 'z1', 'z2', 'z3']
        assert {len(plots[0].position), len(plots[0].velocity), len(plots[0].effort)} == {4}
