"""Weights of pictures: rare ones count more, within bounds."""

from __future__ import annotations

import pytest
import torch

from rig_ros.errors import ConfigError
from rig_ros.learning.config import SkewConfig
from rig_ros.learning.skew import neighbour_log_density, spaced, weights_from


def test_weights_are_the_inverse_density_over_its_median():
    log_density = torch.tensor([0.0, 1.0, 2.0]).log1p()
    weights = weights_from(log_density, power=1.0, clip=100)
    torch.testing.assert_close(weights, torch.tensor([2.0, 1.0, 2 / 3]))
    torch.testing.assert_close(weights_from(log_density, 0.0, 100), torch.ones(3))


def test_weights_stay_finite_and_within_the_clip():
    weights = weights_from(torch.tensor([-1e4, 0.0, 1e4]), power=1.0, clip=30)
    torch.testing.assert_close(weights, torch.tensor([30.0, 1.0, 1 / 30]))


def test_density_by_neighbours_knows_an_even_surface_from_a_crowd():
    generator = torch.Generator().manual_seed(0)
    crowd = 0.1 * torch.rand(900, 2, generator=generator)
    even = 5 + torch.rand(100, 2, generator=generator)
    density = neighbour_log_density(torch.cat((crowd, even)), 10, 2.0)
    ratio = (density[:900].median() - density[900:].median()).exp()
    assert 450 < ratio < 1800  # 90,000 a unit of area against 100


def test_density_of_few_pictures():
    assert torch.isfinite(neighbour_log_density(torch.zeros(3, 2), 10, 4.0)).all()
    assert neighbour_log_density(torch.zeros(1, 2), 10, 4.0).tolist() == [0.0]


def test_spaced_places_are_all_of_few_and_some_of_many():
    assert spaced(5).tolist() == [0, 1, 2, 3, 4]
    many = spaced(100_000)
    assert len(many) <= 4096
    assert many[-1] > 99_900


def test_neighbours_may_be_looked_for_among_others():
    latents = torch.rand(500, 2, generator=torch.Generator().manual_seed(0))
    some = neighbour_log_density(latents, 10, 2.0, among=latents[::5])
    every = neighbour_log_density(latents, 10, 2.0)
    assert abs((every - some).exp().median().item() - 5) < 2  # a fifth of the neighbours


def test_raises_error_if_transitions_cannot_be_weighed():
    with pytest.raises(ConfigError, match='transitions'):
        SkewConfig(density='likelihood', transitions=True)
