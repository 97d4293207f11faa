"""The SimPy processes of a boot: hotplug, guests and user space, around the one system they move.

They say when things happen; machine and kernel decide what.
"""
