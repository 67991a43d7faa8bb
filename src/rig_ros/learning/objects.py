"""Latents that are places: of the arm and of what it moves, found by their colours, no labels.

An alternative to the VAE where several objects are to be told apart. It is made once, from random
motion, in three steps. Pixels that change give a palette, by k-means, beside the few colours of
the ground. A colour whose place follows the actions is the arm's; of the others, those that move
together are one object. How far an action moves the arm's clearest colour gives the scale: places
count in actions, on a plane as the camera sees it.

A latent is the arm's place (2), then place (2) and presence (in [0, 1]) of each of K objects, the
largest first. One that is hidden or is not there has presence and place zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rig_ros.errors import DataError
from rig_ros.learning.colours import NOT_GROUND, k_means, telling, together, told_by
from rig_ros.learning.config import ObjectsConfig, VAEConfig
from rig_ros.learning.encoder import Encoder
from rig_ros.learning.object_latents import latent_dim_of, split
from rig_ros.learning.replay import Replay
from rig_ros.learning.sprites import Sprites
from rig_ros.learning.vae_networks import cell_places

CHUNK = 256
"""Pictures worked on at once."""
FIND_PAIRS = 4000
PALETTE_PICTURES = 400
GROUND_COLOURS = 8
COMMON = 0.03
"""Share of the usual picture from which on a colour is the ground's."""
COLOUR_VARIANCE = 0.01
"""How far from a palette's colour a pixel still is of it: squared distance in RGB of [0, 1]."""
FEW_PIXELS = 2.0
"""So many pixels count as half a place."""
CLEAR_PIXELS = 5.0
"""The arm's colour that others are measured by has more."""
FOLLOWS = 0.1
"""Share of a colour's motion that the actions tell, from which on it is the arm's; and of the
actions that the clearest one tells."""


@dataclass(frozen=True)
class Moved:
    """N pairs of pictures of the same episode, and the actions between them added up."""

    before: Tensor
    """(N, H, W, 3) uint8."""
    after: Tensor
    """(N, H, W, 3) uint8."""
    actions: Tensor
    """(N, 2)."""


def moved_in(replay: Replay, steps: int, generator: torch.Generator) -> Moved:
    """Return pairs drawn from a replay, up to so many steps apart."""
    before = torch.randperm(replay.frames, generator=generator)[:FIND_PAIRS]
    after, actions = replay.followed(before, steps, generator)
    return Moved(replay.pictures(before), replay.pictures(after), actions)


class ObjectEncoder(Encoder):
    """See the module."""

    ground: Tensor
    palette: Tensor
    owner: Tensor
    axes: Tensor
    centre: Tensor
    pixels: Tensor
    grid: Tensor

    def __init__(self, image_size: int, config: VAEConfig, objects: ObjectsConfig) -> None:
        """Know nothing yet: `find` makes it.

        Args:
            image_size: side of the pictures.
            config: says nothing that matters here.
            objects: how many, and how they are told apart.
        """
        count, colours = objects.count, objects.colours
        super().__init__(latent_dim_of(objects), (image_size, image_size, 3), config)
        self.image_size, self.count = image_size, count
        for name, value in {
                'ground': torch.zeros(GROUND_COLOURS, 3),  # what most of a picture looks like
                'palette': torch.zeros(colours, 3),
                'owner': torch.zeros(colours, 1 + count),  # one for the colours of each, arm first
                'axes': torch.eye(2),  # from places in the picture to actions
                'centre': torch.zeros(2),  # of objects, in the picture
                'pixels': torch.ones(1 + count)}.items():  # of each, where it is seen whole
            self.register_buffer(name, value)
        self.register_buffer('grid', cell_places(image_size), persistent=False)
        self.decoder = Sprites(image_size, count)

    # Finding -----------------------------------------------------------------------------------

    @torch.no_grad()
    def find(self, moved: Moved, generator: torch.Generator) -> None:
        """Make the palette, and arm and objects of it.

        Raises:
            DataError: nothing in the pictures follows the actions.
        """
        chosen = torch.randperm(len(moved.before), generator=generator)[:PALETTE_PICTURES]
        some = moved.before[chosen].flatten(1, 2).float() / 255
        usual = some.median(0).values
        common, share = k_means(usual, torch.ones(len(usual)), GROUND_COLOURS, generator)
        self.ground.copy_(torch.where((share > COMMON).unsqueeze(1), common,
                                      common[share.argmax()]))
        self.palette.copy_(k_means(some, (some - usual).square().sum(-1), len(self.palette),
                                   generator)[0])
        # In double: lstsq differs in the last digits now and then, on one thread too.
        actions = moved.actions.double()
        before, after = self._sums(moved.before).double(), self._sums(moved.after).double()
        self.centre.copy_(before[..., :2].sum((0, 1)) / before[..., 2].sum())
        places = self._places(before)
        step = self._places(after) - places
        told, tells = told_by(actions, step), telling(actions, step)
        mine = before[..., 2].mean(0)
        clear = tells.where(mine > CLEAR_PIXELS, -1.0)
        if clear.max() < FOLLOWS:
            raise DataError(
                'pictures: the colour that tells most of the actions by its motion tells '
                f'{max(clear.max().item(), 0):.0%}, allowed: {FOLLOWS:.0%} or more; check that '
                'the camera sees the arm, that it is still, and that pictures and actions are of '
                'the same time')
        arm, weight = told > FOLLOWS, mine * places.var(0).sum(-1)
        arm[clear.argmax()] = True
        groups = together(step, weight.where(~arm, 0.0))[:self.count]
        self.owner.zero_()
        self.owner[clear.argmax(), 0] = 1  # one colour is the arm's place
        for number, group in enumerate(groups, 1):
            self.owner[group, number] = 1
        self._measure(actions, step[:, clear.argmax()], before)
        self.decoder.draw(self, moved.before, self._latents(before.float()))

    def _measure(self, actions: Tensor, arm_step: Tensor, sums: Tensor) -> None:
        """Find the scale: what an action moves, and how objects are spread."""
        per_action = torch.linalg.lstsq(actions, arm_step).solution
        values, directions = torch.linalg.eigh(per_action.T @ per_action)
        axes = (directions * values.clamp(min=1e-8).rsqrt()) @ directions.T
        owned = torch.einsum('bcv,ck->bkv', sums, self.owner.double())
        seen = owned[..., 2] > CLEAR_PIXELS
        for number in range(1 + self.count):
            if seen[:, number].any():
                self.pixels[number] = owned[seen[:, number], number, 2].median()
        objects = [owned[seen[:, k], k, :2] / owned[seen[:, k], k, 2:]
                   for k in range(1, 1 + self.count) if seen[:, k].any()] or [owned[:, 0, :2]]
        self.centre.copy_(torch.cat([place.mean(0, keepdim=True) for place in objects]).mean(0))
        spread = torch.stack([(place @ axes).std(0).mean() for place in objects]).mean()
        self.axes.copy_(axes / spread.clamp(min=1e-6))

    # Reading and drawing -----------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, images_nhwc_u8: Tensor) -> tuple[Tensor, Tensor]:
        """Return latents (B, dim) of pictures (B, H, W, 3) uint8, and log variances of zero."""
        latents = self._latents(self._sums(images_nhwc_u8.to(self.device)))
        return self._answer(images_nhwc_u8, latents, torch.zeros_like(latents))

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures (B, H, W, 3) uint8 for latents (B, dim)."""
        arm, objects = split(latents.to(self.device))
        back = torch.linalg.inv(self.axes)
        drawn: Tensor = self.decoder(arm @ back + self.centre,
                                     objects[..., :2] @ back + self.centre, objects[..., 2])
        return drawn.to(latents.device)

    def shares(self, images_nhwc_u8: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return which pixels are not ground, and of what colours they are.

        Returns:
            Their picture's number (P,), their place in it (P,), and how much of each colour of
            the palette they are (P, colours).
        """
        pixels = images_nhwc_u8.flatten(1, 2).float() / 255
        ground = self.ground.expand(len(pixels), -1, -1)
        from_ground = torch.cdist(pixels, ground).amin(-1).square()
        number, place = (from_ground > NOT_GROUND).nonzero(as_tuple=True)
        much = 1 - torch.exp(from_ground[number, place] / (-2 * COLOUR_VARIANCE))
        apart = torch.cdist(pixels[number, place], self.palette).square()
        return number, place, torch.softmax(apart / (-2 * COLOUR_VARIANCE), -1) * much.unsqueeze(1)

    def _sums(self, images_nhwc_u8: Tensor) -> Tensor:
        """Return for each colour the sum of its pixels' places, and their number (B, C, 3)."""
        every = []
        for images in torch.split(images_nhwc_u8, CHUNK):
            number, place, share = self.shares(images)
            at = self.grid[place]
            values = torch.cat((share.unsqueeze(-1) * at.unsqueeze(1), share.unsqueeze(-1)), -1)
            every.append(torch.zeros(len(images), *values.shape[1:],
                                     device=at.device).index_add_(0, number, values))
        return torch.cat(every)

    def _latents(self, sums: Tensor) -> Tensor:
        """Return latents (B, dim) of colours' sums (B, C, 3)."""
        owned = torch.einsum('bcv,ck->bkv', sums, self.owner)
        places = self._places(owned) @ self.axes
        presence = (owned[..., 2:] / self.pixels.unsqueeze(-1)).clamp(max=1)
        objects = torch.cat((places, presence), -1)[:, 1:].flatten(1)
        return torch.cat((places[:, 0], objects), -1)

    def _places(self, sums: Tensor) -> Tensor:
        """Return places (..., 2) seen from the centre; zero where there is nothing."""
        return (sums[..., :2] - sums[..., 2:] * self.centre) / (sums[..., 2:] + FEW_PIXELS)
