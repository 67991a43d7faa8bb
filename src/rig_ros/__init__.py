"""RIG on ROS 2: a Sawyer arm that teaches itself to make the world look like a picture.

Importing this package loads neither torch, nor mujoco, nor rclpy.
"""

__version__ = '0.1.0'
