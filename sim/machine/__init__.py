"""The hardware: a CPU's vector registers, memory as EL2 maps it, and firmware."""
