#!/bin/busybox sh
# The only program of the guest. It says what the kernel shows, performs the actions of `asymboot_actions`, which the
# kernel passes on from its command line, and says what came of each. What it says begins with `@@`.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
dmesg -n 1 # the console is ours, until a panic
sleep 0.1

say() { echo "@@ $*"; }
log() { dmesg -c | sed 's/^/@@ log /'; }
uptime() { cut -d ' ' -f 1 /proc/uptime; }

lengths() { # which vector lengths a task can have: what the kernel makes of each that is asked for
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

say "release $(uname -r)"
log
lengths sve
lengths sme
say "code $(grep 'Kernel code' /proc/iomem)"
say "data $(grep 'Kernel data' /proc/iomem)"
grep -wE '_text|vl_info|kvm_sve_max_vl|kvm_host_sve_max_vl' /proc/kallsyms | sed 's/^/@@ symbol /'

for action in $(echo "$asymboot_actions" | tr ',' ' '); do
    case $action in
        on:*) value=1 ;;
        off:*) value=0 ;;
    esac
    say "try $action $(uptime)"
    error=$({ echo $value > "/sys/devices/system/cpu/cpu${action#*:}/online"; } 2>&1)
    say "done $action $(uptime) $error"
    log
done
say "online $(cat /sys/devices/system/cpu/online)"
say "end"
poweroff -f
