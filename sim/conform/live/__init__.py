"""Boots of real kernels under QEMU, beside the simulator's."""
