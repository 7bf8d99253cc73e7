#!/bin/sh
# embed.sh SOURCE WORKDIR: makes the two images that JailCore carries, and writes WORKDIR/EmbeddedImages.swift.
#
#   stage            the C program that runs inside a jail: every .c file of SOURCE/stage, static, without a C library
#   seccompDefault   the default system call filter, compiled here once so that no start has to
#
# SOURCE is Sources/CNamespaces. Needs clang, od, tr and libseccomp's header and library.
set -eu

source=${1:?usage: embed.sh SOURCE WORKDIR}
work=${2:?usage: embed.sh SOURCE WORKDIR}

die() {
    printf 'embed.sh: error: %s\n' "$1" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null 2>&1 || die "$1: not found; apt-get install $2"
}

# Swift brings its own clang, beside the swift command, which need not be in PATH under that name.
find_clang() {
    command -v clang && return
    swift=$(command -v swift) || die 'clang: not found; apt-get install clang'
    beside=$(dirname "$(readlink -f "$swift")")/clang
    [ -x "$beside" ] || die 'clang: not found; apt-get install clang'
    printf '%s\n' "$beside"
}

# No C library, no relocations, no writable code: execve(2) maps two segments and jumps to _start.
compile_stage() {
    flags='-std=c17 -Os -Wall -Wextra -Werror -ffreestanding -fno-builtin -fno-stack-protector -fno-pie -fno-ident
        -fno-asynchronous-unwind-tables -fno-unwind-tables -ffunction-sections -fdata-sections'
    case $(uname -m) in
        aarch64) flags="$flags -mno-outline-atomics" ;;
    esac
    # shellcheck disable=SC2086
    "$clang" $flags -I"$source/include" -static -nostdlib \
        -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,norelro -Wl,-s \
        -o "$work/stage" "$source"/stage/*.c
}

compile_filter() {
    cat >"$work/filter.c" <<'C'
#include "cns_seccomp.h"
#include <stdio.h>
#include <string.h>

int main(void) {
    static uint8_t program[CNS_SECCOMP_MAX_BYTES];
    size_t length = 0;
    int result = cns_seccomp_compile_default(0, 0, program, sizeof program, &length);
    if (result != 0) {
        fprintf(stderr, "embed.sh: error: the default seccomp filter: %s\n", strerror(-result));
        return 1;
    }
    return fwrite(program, 1, length, stdout) == length && fflush(stdout) == 0 ? 0 : 1;
}
C
    printf '#include <seccomp.h>\n' | "$clang" -fsyntax-only -x c - 2>/dev/null \
        || die 'seccomp.h: not found; apt-get install libseccomp-dev'
    "$clang" -std=gnu17 -I"$source/include" -o "$work/filter" "$work/filter.c" "$source"/seccomp/*.c -lseccomp
    "$work/filter" >"$work/filter.bpf"
}

hexadecimal() {
    od -An -v -tx1 "$1" | tr -d ' \n'
}

need od coreutils
need tr coreutils
clang=$(find_clang)
mkdir -p "$work"

if [ -d "$source/stage" ] && ls "$source"/stage/*.c >/dev/null 2>&1; then
    compile_stage
else
    : >"$work/stage"
fi
compile_filter

# Whole or not at all: a build that is interrupted here must not leave half a literal behind.
{
    printf '// Made by Plugins/EmbedStage/embed.sh from Sources/CNamespaces; do not edit.\n\n'
    printf '/// Images in lower-case hexadecimal, two digits a byte.\nenum EmbeddedImages {\n'
    printf '    /// The static ELF executable that runs inside a jail.\n    static let stage: StaticString = "%s"\n' \
        "$(hexadecimal "$work/stage")"
    printf '    /// The default system call filter, an array of struct sock_filter.\n'
    printf '    static let seccompDefault: StaticString = "%s"\n}\n' "$(hexadecimal "$work/filter.bpf")"
} >"$work/EmbeddedImages.swift.new"
mv "$work/EmbeddedImages.swift.new" "$work/EmbeddedImages.swift"
