"""A folder for PYTHONPATH of the side process: modules named as rospy's and the SDK's.

Standard library only, Python 3.8 syntax. Nothing of rig_ros imports them; they connect to the fake
robot's process by the socket that the environment variable RIG_FAKE_ROBOT names.
"""
