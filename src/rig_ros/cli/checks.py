"""What `rig_ros doctor` looks at. Each check answers with what it found and how to put it right.

Whatever might crash or take the process with it (drivers, libraries) is tried in a process of its
own.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from rig_ros import resources
from rig_ros.cli.findings import Finding
from rig_ros.errors import RigError
from rig_ros.learning.compiler import missing_to_compile

OLDEST_PYTHON = (3, 10)
MIN_DISK_GB = 2.0
SHARED_MEMORY = Path('/dev/shm')
MAX_OLD_PORTS = 200
MIN_SHARED_MB = 64.0
TRIAL_TIMEOUT_S = 60.0
DISTROS = {'1': 'foxy', '3': 'humble', '7': 'jazzy', '9': 'kilted'}
"""ROS distribution by the major version of rclpy; pip installations do not say it."""

GL_PACKAGES = {'egl': 'libegl1 libgl1-mesa-dri', 'osmesa': 'libosmesa6'}
DRAW = """
import mujoco
model = mujoco.MjModel.from_xml_string(
    '<mujoco><worldbody><light pos="0 0 2"/><geom size="1"/></worldbody></mujoco>')
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
with mujoco.Renderer(model, 48, 48) as renderer:
    renderer.update_scene(data)
    picture = renderer.render()
assert picture.std() > 1, 'the picture is blank'
print(mujoco.__version__)
"""
EXCHANGE = """
import rclpy, time
from std_msgs.msg import Bool
rclpy.init()
node = rclpy.create_node('rig_ros_doctor')
got = []
node.create_subscription(Bool, 'rig_ros_doctor', got.append, 10)
publisher = node.create_publisher(Bool, 'rig_ros_doctor', 10)
deadline = time.monotonic() + 10
while not got and time.monotonic() < deadline:
    publisher.publish(Bool())
    rclpy.spin_once(node, timeout_sec=0.1)
assert got, 'a message to myself did not arrive'
print(rclpy.get_rmw_implementation_identifier())
"""
TORCH = 'import torch; print(torch.__version__, "cuda" if torch.cuda.is_available() else "cpu")'


def attempt(program: str, environment: dict[str, str] | None = None) -> tuple[bool, str]:
    """Run a program in a fresh interpreter; return whether it worked and its last line."""
    try:
        result = subprocess.run(
            [sys.executable, '-c', program], capture_output=True, text=True, check=False,
            timeout=TRIAL_TIMEOUT_S, env={**os.environ, **(environment or {})})
    except subprocess.TimeoutExpired:
        return False, f'no answer for {TRIAL_TIMEOUT_S:.0f} s'
    text = result.stdout if result.returncode == 0 else result.stderr
    lines = [line for line in text.splitlines() if line.strip()]
    return result.returncode == 0, lines[-1] if lines else f'exit code {result.returncode}'


def version(package: str) -> str | None:
    """Return the version of an installed package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def python() -> Finding:
    """Check the interpreter."""
    return Finding('Python', sys.version_info >= OLDEST_PYTHON,
                   f'{platform.python_version()} ({sys.executable})',
                   f'install Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer')


def shared_files() -> Finding:
    """Check config/, launch/, models/ and sim/."""
    try:
        return Finding('shared files', True, str(resources.share_directory()))
    except RigError as error:
        return Finding('shared files', False, str(error), 'pip install . or colcon build')


def ros() -> Finding:
    """Check that rclpy is there, and of which distribution."""
    found = importlib.util.find_spec('rclpy') is not None
    number = version('ros-rclpy') or version('rclpy') or ''
    distro = os.environ.get('ROS_DISTRO') or DISTROS.get(number.partition('.')[0], 'unknown')
    return Finding('ROS', found, f'{distro} (rclpy {number or "?"})' if found else 'no rclpy',
                   "pip install -e '.[ros]' in a clone, or source /opt/ros/<distro>/setup.bash")


def middleware() -> Finding:
    """Check that a message gets through."""
    worked, text = attempt(EXCHANGE)
    where = (f"domain {os.environ.get('ROS_DOMAIN_ID', '0')}, discovery "
             f"{os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE', 'SUBNET')}")
    return Finding('RMW', worked, f'{text}, {where}',
                   'check RMW_IMPLEMENTATION, the firewall (UDP 7400 and up) and /dev/shm')


def launch() -> Finding:
    """Check whether `ros2 launch` can be used; pip has no launch."""
    found = importlib.util.find_spec('launch_ros') is not None
    return Finding('ros2 launch', found, 'available' if found else 'not installed',
                   'not needed: `rig_ros up` starts the same graph; it comes with /opt/ros',
                   essential=False)


def drawing() -> Iterator[Finding]:
    """Draw a tiny scene without a screen, by each way MuJoCo has; one of them must work."""
    if version('mujoco') is None:
        yield Finding('MuJoCo', False, 'not installed', "pip install -e '.[sim]' in a clone")
        return
    trials = {way: attempt(DRAW, {'MUJOCO_GL': way, 'PYOPENGL_PLATFORM': way})
              for way in GL_PACKAGES}
    any_works = any(worked for worked, _ in trials.values())
    yield Finding('MuJoCo', any_works, f"{version('mujoco')}, draws with "
                  f"{', '.join(w for w, (ok, _) in trials.items() if ok) or 'nothing'}",
                  f"apt-get install {' '.join(GL_PACKAGES.values())}")
    for way, (worked, text) in trials.items():
        yield Finding(f'GL {way}', worked, 'draws' if worked else text,
                      f'apt-get install {GL_PACKAGES[way]}', essential=False)


def torch() -> Finding:
    """Check the learning library."""
    worked, text = attempt(TORCH)
    return Finding('torch', worked, text, "pip install -e '.[train]' in a clone")


def compiler() -> Finding:
    """Check for what compiles the updates of recipes that learn from large minibatches."""
    missing = missing_to_compile()
    return Finding('C++', not missing, f'no {missing}' if missing else 'updates can be compiled',
                   'not needed: without it, training with large minibatches takes longer',
                   essential=False)


def camera() -> Finding:
    """Look for a camera device; the simulation needs none."""
    devices = sorted(str(path) for path in Path('/dev').glob('video*'))
    readable = [device for device in devices if os.access(device, os.R_OK | os.W_OK)]
    if devices and not readable:
        return Finding('camera', False, f"{', '.join(devices)} (no permission)",
                       'add yourself to the group video and log in again', essential=False)
    return Finding('camera', bool(readable), ', '.join(readable) or 'no /dev/video*',
                   'plug a camera in, or use a camera driver and source:=topic; the simulation '
                   'needs none', essential=False)


def disk() -> Finding:
    """Check the room for recordings where the command was started."""
    free_gb = shutil.disk_usage('.').free / 1e9
    return Finding('disk', free_gb >= MIN_DISK_GB, f'{free_gb:.1f} GB free in {Path.cwd()}',
                   f'free at least {MIN_DISK_GB:.0f} GB; recordings go to runs/')


def shared_memory() -> Iterator[Finding]:
    """Check /dev/shm, which the middleware moves pictures through: its room, and what is left.

    Processes that were killed leave their ports there. With 541 of them graphs still started, but
    nodes were taken for gone at the beginning of four episodes of five.
    """
    path = SHARED_MEMORY
    free_mb = shutil.disk_usage(path).free / 1e6 if path.is_dir() else 0.0
    yield Finding('shared memory', free_mb >= MIN_SHARED_MB, f'{free_mb:.0f} MB free in {path}',
                  f'container: docker run --shm-size=512m; else remove old {path}/fastrtps_*')
    ports = len(list(path.glob('fastrtps_port*')))
    yield Finding('old ports', ports <= MAX_OLD_PORTS, f'{ports} ports in {path}',
                  'killed processes left them; they slow the start of graphs. While none runs: '
                  f'rm {path}/fastrtps_*', essential=False)


def processors() -> Finding:
    """Say how many cores this process may use."""
    count = len(os.sched_getaffinity(0))
    return Finding('processors', count >= 2, f'{count} cores',
                   'two cores or more keep the control rate while training', essential=False)


CHECKS: tuple[Callable[[], Finding | Iterator[Finding]], ...] = (
    python, shared_files, ros, middleware, launch, drawing, torch, compiler, camera, disk,
    shared_memory, processors)


def run_all() -> Iterator[Finding]:
    """Run every check, in order."""
    for check in CHECKS:
        found = check()
        if isinstance(found, Finding):
            yield found
        else:
            yield from found
