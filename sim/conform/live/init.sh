#!/bin/busybox sh
# The guest's init. It reports what the kernel shows, performs the actions in `asymboot_actions`, a variable that the
# kernel sets from its command line, and reports the result of each. Its lines on the console begin with `@@`;
# console_parser.py reads them.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
# From here on only a panic of the kernel's appears on the console. The pause lets earlier lines of the kernel finish.
dmesg -n 1
sleep 0.1

# dmesg -c clears the kernel's log as it prints it: each call shows the lines since the call before.
say() { echo "@@ $*"; }
log() { dmesg -c | sed 's/^/@@ log /'; }
uptime() { cut -d ' ' -f 1 /proc/uptime; }

# Reports the vector lengths that tasks can have. The kernel rounds each length that is written to the file down to a
# length that it supports.
lengths() {
    file=/proc/sys/abi/$1_default_vector_length
    [ -e "$file" ] || return
    default=$(cat "$file")
    vls=
    vl=16
    while [ $vl -le 256 ]; do
        echo $vl > "$file" && vls="$vls $(cat "$file")"
        vl=$((vl + 16))
    done
    echo "$default" > "$file"
    say "lengths $1$vls"
}

# Performs an action. Its messages on errors end in the text of the errno.
perform() {
    case $1 in
        on:*) echo 1 > "/sys/devices/system/cpu/cpu${1#*:}/online" ;;
        off:*) echo 0 > "/sys/devices/system/cpu/cpu${1#*:}/online" ;;
        suspend) suspend ;;
    esac
}

# Suspends as far as CPUs are concerned. QEMU's firmware cannot suspend the system, but the kernel has a test of
# hibernation that takes the CPUs down, waits for 5 s or as long as a file says, and brings them up again. The console
# stays, so that a panic shows there.
suspend() {
    echo N > /sys/module/printk/parameters/console_suspend
    delay=/sys/module/hibernate/parameters/pm_test_delay
    [ ! -e $delay ] || echo 0 > $delay
    echo processors > /sys/power/pm_test
    echo disk > /sys/power/state
}

say "release $(uname -r)"
log
lengths sve
lengths sme
say "code $(grep 'Kernel code' /proc/iomem)"
say "data $(grep 'Kernel data' /proc/iomem)"
grep -wE '_text|vl_info|kvm_sve_max_vl|kvm_host_sve_max_vl' /proc/kallsyms | sed 's/^/@@ symbol /'

for action in $(echo "$asymboot_actions" | tr ',' ' '); do
    say "try $action $(uptime)"
    error=$(perform "$action" 2>&1)
    say "done $action $(uptime) $error"
    log
done
say "online $(cat /sys/devices/system/cpu/online)"
say "end"
poweroff -f
