#!/bin/sh
@@
set -euf
: "${KERNEL:?an arm64 kernel image}" "${INITRD:?its initramfs}"

folder=$(mktemp -d)
started=
stopped=
place=$(printf '%s' "$folder" | sed 's/,/,,/g') # QEMU's options write a comma as two
trap 'kill $started 2>/dev/null || :; rm -rf "$folder"' EXIT
# Until the process ids of all programs are known, a signal is only noted: QEMU would outlive the script otherwise.
trap 'stopped=1' HUP INT TERM
mkfifo "$folder/qmp.in" "$folder/qmp.out"

# The functions below run in `talk`, whose output is QMP's input, and whose input is QMP's output.

# Sends a QMP command and waits for its answer; after an error, ends QEMU.
ask() {
    printf '%s\n' "$1"
    while IFS= read -r answer; do
        case $answer in
        '{"return": '*) return ;;
        '{"error": '*) fail "$1 $answer" ;;
        esac # other lines are events
    done
    exit 1
}

fail() {
    printf '%s\n' "$1" >&2
    printf '%s\n' '{"execute": "quit"}'
    exit 1
}

# Sets properties NAME=VALUE of the CPUs in a list, and reads them back.
give() {
    cpus=$1
    shift
    for cpu in $cpus; do
        path=$(printf '%s\n' "$paths" | sed -n "$((cpu + 1))p")
        for property in "$@"; do
            at="\"path\": \"$path\", \"property\": \"${property%=*}\""
            ask "{\"execute\": \"qom-set\", \"arguments\": {$at, \"value\": ${property#*=}}}"
            ask "{\"execute\": \"qom-get\", \"arguments\": {$at}}"
            case $answer in
            *" ${property#*=}}"*) ;;
            *) fail "cpu$cpu cannot have $property" ;;
            esac
        done
    done
}

talk() {
    read -r greeting
    ask '{"execute": "qmp_capabilities"}'
    ask '{"execute": "query-cpus-fast"}'
    paths=$(printf '%s\n' "$answer" | tr , '\n' | sed -n 's/.*"qom-path": "\([^"]*\)".*/\1/p')
@@
    : >"$folder/given"
    ask '{"execute": "cont"}'
}

printf 'QMP: %s\n' "$folder/qmp.sock" >&2
talk <"$folder/qmp.out" >"$folder/qmp.in" &
started=$!
exec 3<&0 # a program in the background has /dev/null as its input
@@
    -kernel "$KERNEL" -initrd "$INITRD" -serial stdio \
    -chardev pipe,id=lengths,path="$place/qmp" -mon chardev=lengths,mode=control \
    -qmp unix:"$place/qmp.sock",server=on,wait=off <&3 &
started="$started $!"
trap 'exit 1' HUP INT TERM
[ -z "$stopped" ] || exit 1
wait "$!"
[ -e "$folder/given" ] # without it QEMU ended before its CPUs had their lengths
