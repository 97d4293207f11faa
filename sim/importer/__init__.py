"""Systems that exist, made into scenarios: device trees, and machines that ran.

Each module imports only from lines above its own::

    core_table                                what is documented of cores
    cpu_evidence                              what a source says of a CPU
    fdt, dtc                                  blobs, sources
    device_tree_cpus, device_tree             evidence: a device tree
    sysfs                                     evidence: sysfs and cpuinfo
    log_lines, log_text                       the lines of a kernel log, as typed records
    hotplug_history, kernel_log, log_reader   evidence: a kernel log
    start_levels, register_differences        exception levels and ID registers that a log shows
    machine_evidence                          all evidence of a machine
    cpu_lengths, imported_cores               lengths and cores of the CPUs
    scenario_from_evidence                    the scenario
    contradictions, feature_contradictions    the evidence held against a boot
    other_cores, deciding_fields              cores with an erratum; the fields that decide about a feature
    field_editor, logged_cpus                 CPUs with other values of fields; the CPUs of a log
    told_fields, inferred_registers           fields that lines on single CPUs tell, and their absence
    named_features                            fields that the names of capabilities imply
    refused_cpus, fitted_cpus                 registers and cores that refusals imply, tried in boots
    inferred_features                         settings and registers that a log shows, found by boots
    imported                                  evidence, scenario, boot, contradictions
    provenance                                the scenario's file

Modules pass on what they find as values. `contradictions` and `provenance` turn values into sentences for people, and
no module reads a sentence.
"""
