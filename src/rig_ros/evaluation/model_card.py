"""The text beside a released model: what it does, how well, how it was made, where it ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from rig_ros.evaluation.units import amount, centimetres
from rig_ros.learning.manifest import Manifest

CARD = 'README.md'

_TEMPLATE = """# {{ m.task }}: model card

Makes the Sawyer do what a goal picture shows ({{ m.image_size }}x{{ m.image_size }} RGB), seeing
nothing but pictures. Trained in simulation with RIG (Visual Reinforcement Learning with Imagined
Goals): {{ seen }} and a goal-conditioned TD3 policy.

## Figures

{{ goals }} goal pictures that were never trained on, one episode each, without exploration,
measured by the simulation's ground truth.

| object | median | mean | mean, 95 % | worst | doing nothing, mean |
|---|---|---|---|---|---|
{% for name, o in objects.items() -%}
| {{ name }} | {{ amount(o.median_final_distance_m, name) }} | {{
amount(o.mean_final_distance_m, name) }} | {{ amount(o.mean_95[0], name) }} to {{
amount(o.mean_95[1], name) }} | {{ amount(o.worst_m, name) }} | {{
amount(o.do_nothing_m, name) }} |
{% endfor %}
Measure again: `rig_ros evaluate {{ name }}`.

## How it was trained

    {{ m.run.command }}

{{ '{:,}'.format(m.run.env_steps) }} environment steps ({{ minutes }} of robot time at {{
'%g' % m.control_hz }} Hz), seed {{ m.run.seed }}, from nothing:
no demonstration, no state, no reward but the distance between latents. Recipe and library versions
are in the file's manifest.

| | |
|---|---|
| file | `{{ file }}`, {{ size }} |
| bundle id (sha256) | `{{ bundle_id }}` |
| encoder id | `{{ m.encoder_id }}` |
| format version | {{ m.format_version }} |
| action | axes {{ m.action_axes | join(', ') }}; {{ cm(m.action_scale) }} a step at {{
'%g' % m.control_hz }} Hz |
| smoothing | {{ '%g' % m.smoothing }} of the action before is in the next |
| arrival | {% if m.arrival %}stands still within a latent distance of {{ '%g' % m.arrival
}}{% else %}goes on acting at its goal{% endif %} |
| workspace [m] | {{ m.workspace_low | join(', ') }} to {{ m.workspace_high | join(', ') }} |
| written with | {% for k, v in m.versions.items() %}{{ k }} {{ v }}{{ ', ' if not loop.last }}{%
endfor %} |

## Limits

- It knows the simulated scene from the simulated camera. Another camera pose, background, light
  or object is outside what it has seen; on a real arm, collect pictures there and train on.
{% if found %}- It tells things apart by their colours; two of one colour are one thing to it.
{% endif -%}
- Pictures of places outside the workspace have no meaning to it.
- It does not know what is safe. The guard does, and must stand between it and the arm.
"""


def write_card(directory: Path, name: str, manifest: Manifest, bundle_id: str,
               bundle: Path) -> Path:
    """Write the card of a model.

    Args:
        directory: where `README.md` goes.
        name: what `rig_ros evaluate` finds it by.
        manifest: with the training run and the evaluation filled in.
        bundle_id: sha256 of the file.
        bundle: the file.
    """
    seconds = manifest.run['env_steps'] / manifest.control_hz
    evaluation: Mapping[str, Any] = manifest.evaluation
    found = manifest.architecture['vae'].get('objects')
    seen = f'a beta-VAE with {manifest.latent_dim} latents' if not found else (
        f"places of the arm and of {found['count']} thing{'s' if found['count'] > 1 else ''} at "
        'most, found by\ncolour without labels,')
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    text = environment.from_string(_TEMPLATE).render(
        m=manifest, found=found, seen=seen, name=name,
        bundle_id=bundle_id, file=bundle.name, amount=amount, cm=centimetres,
        size=f'{bundle.stat().st_size / 1e6:.1f} MB', goals=evaluation['goals'],
        objects=evaluation['objects'], minutes=f'{seconds / 60:.0f} minutes')
    path = directory / CARD
    path.write_text(text, encoding='utf-8')
    return path
