"""What is hardware: a CPU's vector registers, memory as EL2 sees it, firmware."""
