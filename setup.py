"""Installs rig_ros the same way for pip and for colcon (ament_python, src layout)."""

from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = 'rig_ros'
NODES = ['camera', 'encoder', 'goal', 'policy', 'guard', 'episode', 'recorder', 'trainer', 'sim',
         'sawyer', 'markers', 'fake_robot']
ROS_MESSAGES = ['std', 'sensor', 'geometry', 'diagnostic', 'visualization']


def shared(*folders):
    """Return data_files entries that keep the sub-folders below share/rig_ros."""
    return [(f'share/{PACKAGE}/{path.parent}', [str(path)])
            for folder in folders for path in sorted(Path(folder).rglob('*'))
            if path.is_file() and '__pycache__' not in path.parts]


extras = {
    'ros': ['ros-rclpy[fastrtps]==7.1.6', *[f'ros-{m}-msgs==5.3.6' for m in ROS_MESSAGES],
            'ros-std-srvs==5.3.6', 'ros-lifecycle-msgs==2.0.3'],
    'sim': ['mujoco>=3.9'],
    'train': ['torch>=2.4', 'safetensors>=0.4'],
    'console': ['aiohttp>=3.10'],
    'data': ['pyarrow>=15'],
    'gym': ['gymnasium>=1.0'],
    'sweep': ['ray>=2.30'],
    'compare': ['gymnasium>=1.0', 'stable-baselines3>=2.4'],
    'view': ['rerun-sdk>=0.24'],
    'docs': ['furo>=2024.8', 'myst-parser>=4.0', 'sphinx>=8.1'],
    'dev': ['aiohttp>=3.10', 'gymnasium>=1.0', 'hypothesis', 'mypy', 'playwright>=1.45', 'pytest',
            'pytest-timeout', 'pytest-xdist', 'ruff', 'types-PyYAML', 'build'],
}

setup(
    name=PACKAGE,
    version='0.1.0',
    description='Visual reinforcement learning with imagined goals (RIG) for the Sawyer arm',
    license='Apache-2.0',
    package_dir={'': 'src'},
    packages=find_packages('src'),
    package_data={f'{PACKAGE}.console': ['static/*']},
    python_requires='>=3.10',
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        *shared('launch', 'config', 'models', 'sim'),
    ],
    install_requires=[
        'jinja2', 'matplotlib', 'mcap>=1.5', 'mcap-ros2-support', 'numpy',
        'opencv-python-headless', 'pyyaml', 'rich', 'rosbags>=0.11', 'setuptools', 'typer',
        'zstandard',
    ],
    extras_require=extras,
    entry_points={
        'console_scripts': [
            'rig_ros = rig_ros.cli.main:main',
            *[f'{node}_node = rig_ros.nodes.{node}:main' for node in NODES],
        ],
        'gymnasium.envs': [f'{PACKAGE} = rig_ros.environments:register'],
    },
    zip_safe=False,
)
