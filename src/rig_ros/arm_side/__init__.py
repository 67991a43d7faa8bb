"""The side process that owns the arm: ROS 1 on one side, a local socket on the other.

Stands alone: standard library, numpy, rospy and intera_interface only, Python 3.8 syntax, imports
within this folder only. Start it as `python /path/to/arm_side`; the folder may be copied anywhere.
"""
