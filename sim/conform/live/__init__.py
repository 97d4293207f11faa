"""Boots of real kernels under QEMU, recorded and compared with the simulator."""
