"""A varied model is another one that works."""

from __future__ import annotations

import random_bundle

from rig_ros.learning import bundle
from rig_ros.learning.variation import vary


def test_variants_load_and_differ_in_bundle_and_encoder():
    original = random_bundle.content()
    models = [bundle.loads(content) for content in
              (original, vary(original, 0), vary(original, 1))]
    assert len({m.bundle_id for m in models}) == 3
    assert len({m.manifest.encoder_id for m in models}) == 3
    assert vary(original, 1) == vary(original, 1)
