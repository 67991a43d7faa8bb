"""Every hyper-parameter of the learner, with its unit and the paper's value. Read from YAML.

"Paper" is Nair et al., Visual Reinforcement Learning with Imagined Goals (NeurIPS 2018), by its
public code; `config/train/rig_paper.yaml` cites a source for each value. Steps are environment
steps (one camera frame) unless a field says minibatches or updates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rig_ros import resources, settings
from rig_ros.learning.practice_config import ExploreConfig, RelabelConfig
from rig_ros.settings import require

GoalKind = Literal['fitted', 'normal', 'visited', 'correlated', 'beyond']

Storage = Literal['auto', 'memory', 'file']


@dataclass(frozen=True)
class VAEConfig:
    """The representation: a beta-VAE on single pictures."""

    latent_dim: int = 8
    """Size of the latent (paper: 16 reacher, 4 pusher)."""
    beta: float = 0.5
    """Weight of the KL against the log likelihood summed over a picture (paper: 10/128)."""
    likelihood: Literal['bernoulli', 'gaussian'] = 'gaussian'
    """Pixels' distribution; gaussian has unit variance (paper: bernoulli; Skew-Fit: gaussian)."""
    networks: Literal['paper', 'patch', 'keypoint', 'landmarks'] = 'paper'
    """The paper's for that picture size, or ours: faster on a CPU, aware of positions, or that and
    drawing an object alike wherever it is."""
    deterministic: bool = False
    """Decode the mean without noise: with beta 0 an autoencoder, a comparison (paper: no)."""
    min_variance: float = 1e-3
    """Floor of the posterior's variance (paper: 1e-3)."""
    whiten: bool = False
    """Scale latents after each training, by what the replay holds (paper: no)."""
    whiten_by: Literal['spread', 'steps'] = 'spread'
    """What gets unit variance: each latent, or (ours) the change of latents in one step."""
    whiten_floor: float = 0.5
    """`spread`: no standard deviation of a latent counts as less."""
    step_floor: float = 0.02
    """`steps`: this share of the mean variance of changes is added in every direction."""
    learning_rate: float = 1e-3
    """Of Adam (paper: 1e-3)."""
    batch_size: int = 64
    """Pictures in a minibatch (paper: 128)."""
    first_steps: int = 2000
    """Minibatches of the first training (paper: 100 to 500 epochs of 100)."""
    refresh_every: int = 0
    """Steps between online trainings; 0 keeps the first VAE (paper's ablation: each 1 to 3 k)."""
    refresh_steps: int = 200
    """Minibatches of one online training."""
    refresh_until: int = 0
    """Steps after which the VAE stays as it is; 0 refreshes to the end."""
    precision: Literal['fp32', 'bf16'] = 'fp32'
    """Of the layers while they are trained; what encodes afterwards stays fp32 (paper: fp32). bf16
    is faster where the processor multiplies in it, and slower where it does not."""
    motion: float = 0.0
    """Weight of the arm's motion (ours; paper: none): the change of a latent between two pictures
    of an episode shall tell, by a linear map, the actions between them added up."""
    motion_steps: int = 5
    """`motion`: most steps between the two pictures."""

    def __post_init__(self) -> None:
        require(self.latent_dim >= 1, 'latent_dim', self.latent_dim, '1 or more')
        require(self.beta >= 0, 'beta', self.beta, '0 or more')
        require(self.min_variance > 0, 'min_variance', self.min_variance, 'above 0')
        require(self.whiten_floor > 0, 'whiten_floor', self.whiten_floor, 'above 0')
        require(self.step_floor > 0, 'step_floor', self.step_floor, 'above 0')
        require(self.learning_rate > 0, 'learning_rate', self.learning_rate, 'above 0')
        require(self.batch_size >= 2, 'batch_size', self.batch_size, '2 or more')
        require(self.first_steps >= 1, 'first_steps', self.first_steps, '1 or more')
        require(self.refresh_every >= 0, 'refresh_every', self.refresh_every, '0 or more')
        require(self.refresh_steps >= 1, 'refresh_steps', self.refresh_steps, '1 or more')
        require(self.refresh_until >= 0, 'refresh_until', self.refresh_until, '0 or more')
        require(self.motion >= 0, 'motion', self.motion, '0 or more')
        require(self.motion_steps >= 1, 'motion_steps', self.motion_steps, '1 or more')

    def refresh_due(self, env_steps: int, last: int) -> bool:
        """Return whether the VAE is to be trained again, `last` being the steps it saw then."""
        return (self.refresh_every > 0 and env_steps - last >= self.refresh_every
                and (self.refresh_until == 0 or env_steps <= self.refresh_until))

    @property
    def by_steps(self) -> bool:
        """Whether distance in latent space counts steps."""
        return self.whiten and self.whiten_by == 'steps'


@dataclass(frozen=True)
class TD3Config:
    """The agent: twin delayed deterministic policy gradient on (latent, goal)."""

    hidden: tuple[int, ...] = (256, 256)
    """Widths of the hidden layers (paper: 400, 300)."""
    layer_norm: bool = True
    """LayerNorm after each hidden layer of the critics (paper: none)."""
    critics: int = 2
    """Size of the critics' ensemble; targets take the minimum (paper: 2)."""
    learning_rate: float = 1e-3
    """Of Adam, policy and critics (paper: 1e-3)."""
    batch_size: int = 256
    """Transitions in an update (paper: 128)."""
    updates_per_step: float = 2.0
    """Updates for each environment step (paper: 4 pusher, 5 reacher)."""
    first_updates: int = 1000
    """Updates on the random steps once the first VAE stands (paper: none)."""
    refresh_updates: int = 0
    """Updates more after each of the VAE's online trainings, on its new latents (paper: none)."""
    discount: float = 0.97
    """Per step (paper: 0.99)."""
    target_rate: float = 0.01
    """Share of the online weights that enters the targets (paper: 0.005 to 0.01)."""
    policy_delay: int = 2
    """Critic updates for one of the policy and the targets (paper: 2)."""
    target_noise: float = 0.2
    """Standard deviation of the noise on target actions (paper: 0.2)."""
    target_noise_clip: float = 0.5
    """Bound of that noise (paper: 0.5)."""
    preactivation_cost: float = 0.0
    """Weight, in units of value, of the mean square of what the policy's last tanh is given: it
    keeps actions from sticking at their bounds (Andrychowicz et al. 2017, HER; paper: none)."""
    average_updates: int = 0
    """Updates over which the policy is averaged that acts without noise: when it is measured, and
    in a model; 0 takes the newest (paper)."""
    precision: Literal['fp32', 'bf16'] = 'fp32'
    """Products of the updates' matrices: bf16 rounds what enters them (paper: fp32)."""
    compile: Literal['auto', True, False] = False
    """Compile the updates when training begins: up to a minute, then faster, in bf16 above all.
    Rounds a little differently. `auto` does it on a processor where there are a C++ compiler and
    Python's headers, in one process (paper: no)."""

    def __post_init__(self) -> None:
        require(len(self.hidden) >= 1 and min(self.hidden) >= 1, 'hidden', self.hidden,
                'one or more widths above 0')
        require(self.critics >= 1, 'critics', self.critics, '1 or more')
        require(self.learning_rate > 0, 'learning_rate', self.learning_rate, 'above 0')
        require(self.batch_size >= 1, 'batch_size', self.batch_size, '1 or more')
        require(self.updates_per_step >= 0, 'updates_per_step', self.updates_per_step, '0 or more')
        require(self.first_updates >= 0, 'first_updates', self.first_updates, '0 or more')
        require(self.refresh_updates >= 0, 'refresh_updates', self.refresh_updates, '0 or more')
        require(0 <= self.discount < 1, 'discount', self.discount, '0 to below 1')
        require(0 < self.target_rate <= 1, 'target_rate', self.target_rate, 'above 0, to 1')
        require(self.policy_delay >= 1, 'policy_delay', self.policy_delay, '1 or more')
        require(self.preactivation_cost >= 0, 'preactivation_cost', self.preactivation_cost,
                '0 or more')
        require(self.average_updates >= 0, 'average_updates', self.average_updates, '0 or more')
        require(self.target_noise >= 0, 'target_noise', self.target_noise, '0 or more')
        require(self.target_noise_clip >= 0, 'target_noise_clip', self.target_noise_clip,
                '0 or more')


@dataclass(frozen=True)
class RewardConfig:
    """What an arrival is worth; every kind is computed from latents alone."""

    kind: Literal['distance', 'manhattan', 'objects', 'log_probability', 'sparse'] = 'distance'
    """Minus the latent distance (paper), the sum of the latents' differences or, where latents are
    objects' places, of those (ours), or one of the paper's comparisons."""
    scale: float = 1.0
    """Multiplies the reward (paper: 1). Values are some 1 / (1 - discount) times the reward, and
    networks that start near zero find small ones sooner."""
    cap: float = 0.0
    """`distance`: what is further off than this is no worse; 0 for no cap (paper: none)."""
    deviation: float = 1.0
    """`log_probability`: standard deviation of a latent (paper: the encoder's)."""
    radius: float = 0.5
    """`sparse`: distance below which the goal counts as reached (paper: 0.01 to 0.5 tried)."""

    arm_weight: float = 0.3
    """`objects`: what the arm's difference counts beside an object's."""

    def __post_init__(self) -> None:
        require(self.arm_weight >= 0, 'arm_weight', self.arm_weight, '0 or more')
        require(self.scale > 0, 'scale', self.scale, 'above 0')
        require(self.cap >= 0, 'cap', self.cap, '0 or more')
        require(self.deviation > 0, 'deviation', self.deviation, 'above 0')
        require(self.radius > 0, 'radius', self.radius, 'above 0')


@dataclass(frozen=True)
class SkewConfig:
    """Which pictures count more: the rare ones, as in Skew-Fit (Pong et al., ICML 2020).

    A weight is density ** -power, its median made one, clipped to [1 / clip, clip].
    """

    density: Literal['even', 'neighbours', 'likelihood'] = 'even'
    """Density of a picture: all alike (RIG), by its neighbours' distances in latent space (ours),
    or the VAE's likelihood (Skew-Fit)."""
    power: float = 1.0
    """Skew-Fit: 1 for push and pickup, 0.5 for doors (there with the sign of the exponent)."""
    clip: float = 30.0
    """Bound of the weights (Skew-Fit: none, but an underflow stops it)."""
    neighbours: int = 10
    """`neighbours`: the distance to that many's last stands for the density."""
    dimension: float = 4.0
    """`neighbours`: dimension of the surface that pictures lie on; density is distance ** -it."""
    samples: int = 10
    """`likelihood`: draws of the latent for each picture (Skew-Fit: 10)."""
    pictures: bool = False
    """Draw the VAE's minibatches by the weights too (Skew-Fit: yes)."""
    transitions: bool = False
    """Draw the agent's transitions by the weights of where they lead too (Skew-Fit: no)."""

    def __post_init__(self) -> None:
        require(self.power >= 0, 'power', self.power, '0 or more')
        require(self.clip >= 1, 'clip', self.clip, '1 or more')
        require(self.neighbours >= 1, 'neighbours', self.neighbours, '1 or more')
        require(self.dimension > 0, 'dimension', self.dimension, 'above 0')
        require(self.samples >= 1, 'samples', self.samples, '1 or more')
        require(not self.transitions or self.density == 'neighbours', 'transitions',
                self.transitions, f"false with density {self.density!r}; 'neighbours' can")

    @property
    def needs_vae(self) -> bool:
        """Whether the weights have no meaning without a VAE."""
        return self.density == 'likelihood' or self.pictures


@dataclass(frozen=True)
class ObjectsConfig:
    """Where latents are places of arm and objects (`encoder: objects`); all of it ours."""

    count: int = 3
    """Most objects beside the arm."""
    colours: int = 24
    """Colours told apart in what moves, the arm's included."""
    one_at_a_time: bool = True
    """An imagined goal wants the arm and one object elsewhere and leaves the others."""

    def __post_init__(self) -> None:
        require(self.count >= 1, 'count', self.count, '1 or more')
        require(self.colours > self.count, 'colours', self.colours,
                f'more than count ({self.count})')


@dataclass(frozen=True)
class TrainConfig:
    """One training recipe for one task."""

    task: str
    """Name of the task (`config/tasks/`)."""
    encoder: Literal['vae', 'objects', 'pixels', 'state'] = 'vae'
    """What stands for a picture: its latent, the places of arm and objects in it, found by colour
    (ours), or, for comparisons of the paper, the picture itself or the true positions (`rig_ros
    train` only). Of `vae`, what whitens counts for the comparisons."""
    agent: Literal['td3', 'stable_baselines3'] = 'td3'
    """Who learns: ours, or, from true positions, TD3 with HER of Stable-Baselines3, which takes
    what it knows of `td3`, `relabel` and `explore` (`rig_ros train` only; extra `compare`)."""
    image_size: int = 84
    """Side of the square picture, 84 or 48 pixels (paper: 84)."""
    env_steps: int = 5000
    """Steps of a whole training, the random ones included (paper: 10,000 for reaching)."""
    goals: GoalKind = 'fitted'
    """Imagined goals: a Gaussian fitted to the latents, N(0, 1), visited latents, a Gaussian with
    their whole covariance, or half of each of the last two."""
    goals_every: int = 0
    """Steps between fittings of imagined goals; 0 fits them after the VAE's trainings only."""
    smoothing: float = 0.0
    """Share of the action before in the next where nothing is explored (paper: 0)."""
    arrival: float = 0.0
    """Latent distance to a goal below which the arm stands still where nothing is explored; a step
    changes a latent that is whitened by steps by some 1. Not for a gripper (paper: 0)."""
    replay_frames: int = 100_000
    """Pictures kept; the oldest episodes go first (paper: 1,000,000)."""
    replay_storage: Storage = 'auto'
    """Pictures in memory or in an unnamed file of the run's folder; auto: file above 2 GiB."""
    skew: SkewConfig = field(default_factory=SkewConfig)
    vae: VAEConfig = field(default_factory=VAEConfig)
    objects: ObjectsConfig = field(default_factory=ObjectsConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    td3: TD3Config = field(default_factory=TD3Config)
    relabel: RelabelConfig = field(default_factory=RelabelConfig)
    explore: ExploreConfig = field(default_factory=ExploreConfig)

    def __post_init__(self) -> None:
        require(self.image_size in (48, 84), 'image_size', self.image_size, '48 or 84')
        require(self.env_steps >= 1, 'env_steps', self.env_steps, '1 or more')
        require(self.goals_every >= 0, 'goals_every', self.goals_every, '0 or more')
        require(0 <= self.smoothing < 1, 'smoothing', self.smoothing, '0 to below 1')
        require(self.arrival >= 0, 'arrival', self.arrival, '0 or more')
        require(self.replay_frames >= 100, 'replay_frames', self.replay_frames, '100 or more')
        require(self.agent == 'td3' or self.encoder == 'state', 'encoder', self.encoder,
                f"'state' with agent {self.agent!r}")
        require(self.agent == 'td3' or self.relabel.rollout > 0, 'relabel.rollout',
                self.relabel.rollout, f'above 0 with agent {self.agent!r}')
        if self.encoder == 'objects':
            require(not self.vae.whiten, 'vae.whiten', self.vae.whiten,
                    "false with encoder 'objects': places have their scale")
            require(self.vae.refresh_every == 0, 'vae.refresh_every', self.vae.refresh_every,
                    "0 with encoder 'objects': they are found once")
        require(self.encoder == 'objects' or self.reward.kind != 'objects', 'reward.kind',
                self.reward.kind, f"'objects' with encoder 'objects'; another one with "
                f'{self.encoder!r}')
        require(self.encoder == 'vae' or not self.skew.needs_vae, 'skew', self.skew,
                f'no likelihood and no skewed pictures, which encoder {self.encoder!r} has not')

    @property
    def objects_in_latents(self) -> ObjectsConfig | None:
        """What is told apart, where latents are places of objects."""
        return self.objects if self.encoder == 'objects' else None

    @property
    def leaves_model(self) -> bool:
        """Whether what is learnt acts from pictures, so that nodes can use it."""
        return self.encoder in ('vae', 'objects')


def names() -> list[str]:
    """Return the names of the recipes that ship."""
    return sorted(path.stem for path in resources.find('config', 'train').glob('*.yaml'))


def load(name: str | Path) -> TrainConfig:
    """Return a shipped recipe by its name, or the recipe in a YAML file by its path.

    A file with `base: <name>` says only where it differs from that recipe, which may have a base
    itself; a path is relative to the file's folder.

    Raises:
        ConfigError: unknown name, or a file that is not valid.
    """
    path = _path(name)
    return settings.from_mapping(TrainConfig, _read(path), path.name)


def _path(name: str | Path) -> Path:
    if Path(name).suffix in ('.yaml', '.yml'):
        return Path(name)
    require(str(name) in names(), 'training recipe', str(name),
            f'one of {names()}, or the path of a YAML file')
    return resources.find('config', 'train', f'{name}.yaml')


def _read(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return a recipe's settings, laid over those of its base; `above` are based on this one."""
    own = settings.read_yaml(path)
    require(isinstance(own, dict), path.name, own, 'a mapping of settings')
    if 'base' not in own:
        return dict(own)
    above = (*above, path.resolve())
    below = own.pop('base')
    require(isinstance(below, str), f'{path.name}: base', below, "a recipe's name or path")
    place = path.parent / _path(below) if Path(below).suffix else _path(below)
    require(place.resolve() not in above, f'{path.name}: base', below,
            'a recipe that is not itself based on this one')
    base = _read(place, above)
    for key, value in own.items():
        nested = isinstance(value, dict) and isinstance(base.get(key), dict)
        base[key] = {**base[key], **value} if nested else value
    return base
