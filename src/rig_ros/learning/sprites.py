"""Pictures drawn from places of arm and objects, for people to look at."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from rig_ros.learning.colours import NOT_GROUND
from rig_ros.learning.object_latents import THERE, split

PICTURES = 400
"""That the ground is made from."""
MEAN_OF = 256
"""Pictures at most that an object's is the mean of."""


class Encoder(Protocol):
    """What is needed of `objects.ObjectEncoder`."""

    count: int
    owner: Tensor
    axes: Tensor
    centre: Tensor

    def shares(self, images_nhwc_u8: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return which pixels are not ground, and of what colours they are."""
        ...


class Sprites(nn.Module):
    """Draws latents: the ground, on it each object, and above all the arm.

    An object looks as it does on average, the arm, which is whatever else is not the ground, as it
    mostly does where it was nearest to its place. The encoder's name does not depend on it.
    """

    ground: Tensor
    objects: Tensor
    arms: Tensor
    arm_places: Tensor

    SIDE = 25
    """Of an object's picture [pixels]."""
    ARMS = 64
    NEAR = 9
    """Pictures with the arm near the same place that give one of it."""

    def __init__(self, image_size: int, count: int) -> None:
        super().__init__()
        self.image_size = image_size
        side = self.SIDE
        self.register_buffer('ground', torch.zeros(image_size, image_size, 3))
        self.register_buffer('objects', torch.zeros(count, side, side, 4))  # colours, then cover
        self.register_buffer('arms', torch.zeros(self.ARMS, image_size ** 2, 4,
                                                 dtype=torch.uint8))
        self.register_buffer('arm_places', torch.zeros(self.ARMS, 2))

    def draw(self, encoder: Encoder, images: Tensor, latents: Tensor) -> None:
        """Learn what ground, arm and objects look like, from pictures and their latents."""
        self.ground.copy_(_ground(encoder, images[:PICTURES]))
        places, objects = split(latents)
        back = torch.linalg.inv(encoder.axes)
        at = objects[..., :2] @ back + encoder.centre
        for number in range(encoder.count):
            seen = (objects[:, number, 2] > 0.9).nonzero().flatten()[:MEAN_OF]
            if len(seen):
                cover = self._painted(encoder, images[seen])[:, 1 + number]
                self.objects[number] = _shifted(cover, -at[seen, number], self.SIDE).mean(0)
        chosen = _spread_out(places, self.ARMS)
        for number, place in enumerate(places[chosen]):
            # Some edges of objects have colours of the arm; where they are differs.
            near = (places - place).square().sum(-1).topk(min(self.NEAR, len(places)),
                                                          largest=False).indices
            covered = self._painted(encoder, images[near])[:, 0]
            self.arms[number] = (255 * covered.median(0).values).round().flatten(0, 1)
        self.arm_places.copy_(places[chosen] @ back + encoder.centre)

    def _painted(self, encoder: Encoder, images: Tensor) -> Tensor:
        """Return colours times cover, and cover, of arm and objects (B, 1 + K, H, W, 4)."""
        pixels, side = images.float() / 255, self.image_size
        cover = torch.zeros(len(images), side ** 2, 1 + encoder.count)
        number, place, share = encoder.shares(images)
        cover[number, place] = (2 * share @ encoder.owner).clamp(max=1)
        apart = (pixels - self.ground).square().sum(-1).flatten(1)
        cover[..., 0] = (apart > NOT_GROUND) * (1 - cover[..., 1:].sum(-1)).clamp(min=0)
        covers = cover.mT.reshape(len(images), -1, side, side, 1)
        return torch.cat((pixels.unsqueeze(1) * covers, covers), -1)

    def forward(self, arm: Tensor, places: Tensor, presence: Tensor) -> Tensor:
        """Return pictures (B, H, W, 3) uint8, for places in the picture (B, 2), (B, K, 2)."""
        side = self.image_size
        picture = self.ground.expand(len(arm), -1, -1, -1)
        for number, sprite in enumerate(self.objects):
            cover = _shifted(sprite.expand(len(arm), -1, -1, -1), places[:, number], side)
            cover = cover * (presence[:, number] > THERE).view(-1, 1, 1, 1)
            picture = picture * (1 - cover[..., 3:]) + cover[..., :3]
        nearest = torch.cdist(arm, self.arm_places).argmin(1)
        cover = self.arms[nearest].view(-1, side, side, 4).float() / 255
        picture = picture * (1 - cover[..., 3:]) + cover[..., :3]
        drawn: Tensor = (255 * picture.clamp(0, 1)).round().to(torch.uint8)
        return drawn


def _ground(encoder: Encoder, images: Tensor) -> Tensor:
    """Return what is behind everything (H, W, 3): the median of what looks like ground there."""
    pixels = images.flatten(1, 2).float() / 255
    always = pixels.median(0).values
    number, place, _ = encoder.shares(images)
    pixels[number, place] = torch.nan
    ground = pixels.nanmedian(0).values
    return torch.where(ground.isnan(), always, ground).view(images.shape[1:])


def _shifted(pictures: Tensor, by: Tensor, side: int) -> Tensor:
    """Return pictures (B, side, side, 4), the given ones' middle moved by `by` in the large one.

    Pixels keep their size. `by` (B, 2) counts, as places do, from -1 to 1 along a picture's side
    of the larger of both.
    """
    height = pictures.shape[1]
    larger = max(height, side) - 1
    line = torch.arange(side, device=by.device) - (side - 1) / 2
    rows, columns = (line - part.unsqueeze(1) * larger / 2 for part in by.unbind(1))
    grid = torch.stack((columns.unsqueeze(1).expand(-1, side, -1),
                        rows.unsqueeze(2).expand(-1, -1, side)), -1)
    moved = nn.functional.grid_sample(pictures.permute(0, 3, 1, 2), grid * 2 / (height - 1),
                                      align_corners=True)
    return moved.permute(0, 2, 3, 1)


def _spread_out(places: Tensor, count: int) -> Tensor:
    """Return the numbers of places (N, 2) that are far from each other, each from those before."""
    chosen = [0]
    apart = (places - places[0]).square().sum(-1)
    while len(chosen) < count:
        chosen.append(int(apart.argmax()))
        apart = torch.minimum(apart, (places - places[chosen[-1]]).square().sum(-1))
    return torch.tensor(chosen)
