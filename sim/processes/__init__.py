"""The SimPy processes of a boot: hotplug, guests and user space, around the system that they share.

They let time pass; machine and kernel decide.
"""
