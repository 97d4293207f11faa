"""The SimPy processes of a boot: hotplug, guests and user space, around the system that they share.

The processes let time pass and record facts; the machine (`sim.machine`) and the kernel (`sim.kernel`) decide.
"""
