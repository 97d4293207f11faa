#!/bin/sh
@@
set -euf
: "${KERNEL:?an arm64 kernel image}" "${INITRD:?its initramfs}"

folder=$(mktemp -d)
started=
place=$(printf '%s' "$folder" | sed 's/,/,,/g') # as QEMU's options have a comma
trap 'kill $started 2>/dev/null || :; rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
mkfifo "$folder/qmp.in" "$folder/qmp.out"

# Sends a QMP command and waits for its answer. QEMU ends where it cannot do it.
ask() {
    printf '%s\n' "$1"
    while IFS= read -r answer; do
        case $answer in
        '{"return": '*) return ;;
        '{"error": '*) fail "$1 $answer" ;;
        esac
    done
    exit 1
}

fail() {
    printf '%s\n' "$1" >&2
    printf '%s\n' '{"execute": "quit"}'
    exit 1
}

# Gives the CPUs of a list their properties, and reads them back.
give() {
    cpus=$1
    shift
    for cpu in $cpus; do
        path=$(printf '%s\n' "$paths" | sed -n "$((cpu + 1))p")
        for one in "$@"; do
            at="\"path\": \"$path\", \"property\": \"${one%=*}\""
            ask "{\"execute\": \"qom-set\", \"arguments\": {$at, \"value\": ${one#*=}}}"
            ask "{\"execute\": \"qom-get\", \"arguments\": {$at}}"
            case $answer in
            *" ${one#*=}}"*) ;;
            *) fail "cpu$cpu cannot have $one" ;;
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
exec 3<&0 # a program in the background has another input
@@
    -kernel "$KERNEL" -initrd "$INITRD" -serial stdio \
    -chardev pipe,id=lengths,path="$place/qmp" -mon chardev=lengths,mode=control \
    -qmp unix:"$place/qmp.sock",server=on,wait=off <&3 &
started="$started $!"
wait "$!"
[ -e "$folder/given" ]
