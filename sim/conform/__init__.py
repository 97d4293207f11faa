"""Conformance: recorded and live boots of real kernels, compared with the model field by field.

A comparison goes through four steps: a record (`run_records`), the scenario that it stands for (`recorded_boot`,
`recorded_save`), a boot of that scenario in the simulator, and a `Field` for each value that both of them have.
`live` makes new records by booting a kernel under QEMU. docs/conformance.md names the source of every field.
"""
