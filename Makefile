# make demo and make test are all that a newcomer needs. Tests run in three places: here, in the lab
# (Tests/Lab/lab) and in a virtual machine (Tests/VM/vm).
.POSIX:
.SUFFIXES:

PREFIX = /usr/local
DESTDIR =
SWIFT = swift
CLANG = clang
BUILD = .build
JAILRUN = $(BUILD)/release/jailrun
PROBE = $(BUILD)/probe/probe
FLOOR = $(BUILD)/bench/floor
RACE = $(BUILD)/bench/race
CALLED = $(BUILD)/bench/called
# lld, because the others warn at length of glibc functions that the program never calls. A start runs every function once,
# so that what counts is how much of the program it touches (docs/design/0009): small code, optimised as one, its functions
# in the order file's order; types whose metadata is asked for directly, and made where they are needed; references counted
# without locks, as the program has one thread. docs/design/0043 has the figure of each flag.
STATIC = $(OPTIMISED) -Xlinker -s -Xlinker --symbol-ordering-file="$(CURDIR)/bench/start.order"
OPTIMISED = -c release --static-swift-stdlib -Xswiftc -static-executable -Xswiftc -use-ld=lld \
	--experimental-lto-mode=full -debug-info-format none -Xlinker --no-dependent-libraries \
	$(AUTOLINKED) -Xlinker --no-warn-symbol-ordering \
	-Xswiftc -Osize -Xswiftc -assume-single-threaded -Xcc -DCNS_SHIPPED \
	-Xswiftc -Xfrontend -Xswiftc -disable-concrete-type-metadata-mangled-name-accessors \
	-Xswiftc -Xfrontend -Xswiftc -disable-generic-metadata-prespecialization \
	-Xswiftc -Xfrontend -Xswiftc -disable-preallocated-instantiation-caches
# Clang takes each object that is bitcode for a source and compiles it again, before the linker optimises all as one: this
# hands the objects to the linker as they are.
BITCODE = CCC_OVERRIDE_OPTIONS='\# s/^(.*[.]bc)$$/-Wl,\1/'
# A module says in its object file which libraries it needs. lld would open each library once for each object that names it,
# and is told not to read that: these are the libraries.
AUTOLINKED = -Xlinker -lFoundationEssentials -Xlinker -l_FoundationCShims -Xlinker -l_FoundationCollections \
	-Xlinker -lswiftGlibc -Xlinker -lswiftSynchronization -Xlinker -lswift_Concurrency \
	-Xlinker -lswift_StringProcessing -Xlinker -lswift_RegexParser -Xlinker -lswift_Builtin_float

# Debian's names of what each target needs beside a Swift toolchain and make.
BUILD_PACKAGES = libseccomp-dev libnl-route-3-dev pkg-config
DEMO_PACKAGES = $(BUILD_PACKAGES) busybox-static
TEST_PACKAGES = $(DEMO_PACKAGES) attr curl iproute2 iputils-ping libcap2-bin mmdebstrap nftables postgresql-client \
	procps redis-tools socat strace
ENGINES_PACKAGES = $(BUILD_PACKAGES) iproute2 mmdebstrap
FREEBSD_PACKAGES = $(BUILD_PACKAGES) iproute2 mmdebstrap
VM_PACKAGES = $(TEST_PACKAGES) qemu-system-x86 kmod e2fsprogs
LINT_PACKAGES = $(BUILD_PACKAGES) shellcheck clang-format man-db
BENCH_PACKAGES = $(DEMO_PACKAGES) crun bubblewrap strace
ORDER_PACKAGES = $(DEMO_PACKAGES) binutils
# A browser and other shells are much to ask of a newcomer: without them, the tests of the page and of completion there are skipped.
PAGE_PACKAGES = chromium
SHELL_PACKAGES = zsh fish

# Tests see the program that ships, not a debug build of it.
TEST_ENVIRONMENT = JAILRUN="$(CURDIR)/$(JAILRUN)" JAILRUN_PROBE="$(CURDIR)/$(PROBE)" \
	JAILRUN_EXAMPLES="$(CURDIR)/rootfs-examples"

all: release

help:
	@sed -n 's/^## //p' Makefile

## make build       a debug build
build: deps-build
	$(SWIFT) build

## make release     the static program, .build/release/jailrun
release: deps-build
	$(BITCODE) $(SWIFT) build $(STATIC) --product jailrun
	@ldd $(JAILRUN) 2>&1 | grep -q 'not a dynamic executable' || { echo "$(JAILRUN) is not static" >&2; exit 1; }
# The linker has written it through a mapping, and so the kernel caches it page by page, of which each start maps many: a
# twentieth of its time. Read from the disk, as after a boot, it is cached in larger pieces.
	@sync -d $(JAILRUN) && dd if=$(JAILRUN) iflag=nocache count=0 status=none && cat $(JAILRUN) >/dev/null || true

## make demo        builds, makes a root, and runs the www jail where it changes nothing on the machine
demo: root deps-demo release
	@rootfs-examples/www/build
	@JAILRUN="$(CURDIR)/$(JAILRUN)" Tests/Lab/lab -e www rootfs-examples/demo

## make build-tests what make test and make test-vm run
build-tests: deps-build release probe
	$(SWIFT) build --build-tests

## make test        unit tests, then those that reach the kernel, in a lab (as root)
test: root deps-test build-tests examples
	Tests/Lab/check
	$(TEST_ENVIRONMENT) Tests/run JailCoreTests
	$(TEST_ENVIRONMENT) Tests/Lab/lab -e www -e shell -e host -e debian -e ci Tests/run KernelTests --skip ControllerTests
	$(TEST_ENVIRONMENT) Tests/Lab/lab -e www -e shell -e host -e debian Tests/run CommandTests

## make test-nightly   what takes hours: all kernel tests in qemu, too; a fault at each system call of jailrun's and a SIGKILL
##                  before each, one at a time, in a lab (as root)
test-nightly: root deps-test deps-vm build-tests examples
	$(TEST_ENVIRONMENT) Tests/VM/vm -a
	JAILRUN_SWEEP=all $(TEST_ENVIRONMENT) Tests/Lab/lab Tests/run KernelTests --filter SweepTests

## make tour        the lessons of docs/tour, each command of them typed into a lab and compared with what they say
tour: root deps-test build-tests
	@rootfs-examples/www/build
	$(TEST_ENVIRONMENT) Tests/Lab/lab -e www Tests/run CommandTests --filter TourTests

## make test-vm     the tests that need cgroup controllers or depend on the kernel, under Debian's in qemu; then systemd
test-vm: root deps-vm build-tests examples
	$(TEST_ENVIRONMENT) Tests/VM/vm
	$(TEST_ENVIRONMENT) Tests/VM/vm -s

## make test-engines   podman, buildah, containerd, its CRI, Docker, swarm and compose of Debian 13 over jailrun, and over crun for
##                  comparison, in a lab (as root)
test-engines: root deps-engines release
	JAILRUN="$(CURDIR)/$(JAILRUN)" Tests/Engines/run

# A source tree of FreeBSD 15 or later.
FREEBSD = /usr/src
## make test-freebsd FREEBSD=/usr/src   FreeBSD's own tests of jail, jls and jexec, from its sources, in a lab (as root)
test-freebsd: root deps-freebsd release
	JAILRUN="$(CURDIR)/$(JAILRUN)" Tests/FreeBSD/run "$(FREEBSD)"

# Namespaces, a cgroup and files of other owners: before a build of minutes, say that they need root.
root:
	@[ "$$(id -u)" = 0 ] || { echo 'this needs root; run: sudo env PATH="$$PATH" make $(MAKECMDGOALS)' >&2; exit 1; }

examples:
	@for build in rootfs-examples/*/build; do "$$build" || exit 1; done

probe: $(PROBE)
PROBE_SOURCES = Tests/Probe/probe.c Tests/Probe/status.c Tests/Probe/attempt.c Tests/Probe/load.c Tests/Probe/hostile.c \
	Tests/Probe/syscalls.c Tests/Probe/isolation.c Tests/Probe/fault.c
$(PROBE): $(PROBE_SOURCES) Tests/Probe/probe.h
	@mkdir -p $(@D)
	$(CLANG) -std=gnu17 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -static -o $@ $(PROBE_SOURCES)

FLOOR_INIT = $(BUILD)/bench/floor_init
$(FLOOR_INIT): bench/floor_init.c
	@mkdir -p $(@D)
	$(CLANG) -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -static -nostdlib -ffreestanding -fno-stack-protector \
	    -o $@ bench/floor_init.c
$(FLOOR): bench/floor.c $(FLOOR_INIT)
	$(CLANG) -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -static -DINIT='"$(FLOOR_INIT)"' -o $@ bench/floor.c
$(RACE): bench/race.c
	@mkdir -p $(@D)
	$(CLANG) -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -static -o $@ bench/race.c

$(CALLED): bench/called.c
	@mkdir -p $(@D)
	$(CLANG) -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -static -o $@ bench/called.c

## make bench       start to end of /bin/true: jailrun beside a C floor, crun, bubblewrap and unshare
bench: root deps-bench release $(FLOOR) $(RACE)
	@rootfs-examples/shell/build
	@JAILRUN="$(CURDIR)/$(JAILRUN)" FLOOR="$(CURDIR)/$(FLOOR)" RACE="$(CURDIR)/$(RACE)" \
	    Tests/Lab/lab -e shell bench/run

## make order       writes bench/start.order, the functions of a start, anew
order: root deps-order $(CALLED)
	@rootfs-examples/shell/build
	$(BITCODE) $(SWIFT) build $(OPTIMISED) --scratch-path $(BUILD)/order --product jailrun
	@JAILRUN="$(CURDIR)/$(BUILD)/order/release/jailrun" CALLED="$(CURDIR)/$(CALLED)" \
	    Tests/Lab/lab -e shell bench/order >$(BUILD)/order/start.order
	@mv $(BUILD)/order/start.order bench/start.order; wc -l bench/start.order

## make lint        style, layers, C warnings, shell scripts, documents; changes nothing
lint: deps-lint
	Tests/lint

## make format      Swift and C, in place
format:
	$(SWIFT) format format --in-place --recursive --parallel Package.swift Sources Tests Plugins
	clang-format -i $$(git ls-files '*.c' '*.h')

## make docs        docs/parameters.md, from the program's own table
docs: release
	docs/make-parameters "$(CURDIR)/$(JAILRUN)"

## make picture     docs/picture.svg and docs/terminal.svg, drawn from what the program prints (as root)
picture: root release
	@rootfs-examples/www/build
	Tests/Lab/lab -e www docs/make-picture "$(CURDIR)/$(JAILRUN)"
	Tests/Lab/lab -e www docs/make-terminal "$(CURDIR)/$(JAILRUN)"

UNITS = jailrun.service jailrun@.service
## make install     PREFIX=/usr/local DESTDIR=
install: release
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -m 755 $(JAILRUN) "$(DESTDIR)$(PREFIX)/bin/jailrun"
	for name in jail jls jexec jailrun-oci; do ln -sf jailrun "$(DESTDIR)$(PREFIX)/bin/$$name"; done
	for page in docs/man/*.[158]; do \
	    [ -e "$$page" ] || continue; \
	    install -D -m 644 "$$page" "$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}"; \
	done
	install -d "$(DESTDIR)$(PREFIX)/share/bash-completion/completions" \
	    "$(DESTDIR)$(PREFIX)/share/zsh/site-functions" "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d"
	install -d "$(DESTDIR)$(PREFIX)/libexec/jailrun" "$(DESTDIR)$(PREFIX)/lib/systemd/system" "$(DESTDIR)/etc/default"
	sed 's|@bin@|$(PREFIX)/bin|' dist/jails >"$(DESTDIR)$(PREFIX)/libexec/jailrun/jails"
	chmod 755 "$(DESTDIR)$(PREFIX)/libexec/jailrun/jails"
	for unit in $(UNITS); do \
	    sed 's|@libexec@|$(PREFIX)/libexec/jailrun|' "dist/systemd/$$unit" \
	        >"$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit"; \
	done
	[ -e "$(DESTDIR)/etc/default/jailrun" ] || install -m 644 dist/default "$(DESTDIR)/etc/default/jailrun"
# Drop-ins below share are read by podman 6 and later only.
	install -d "$(DESTDIR)/etc/containers/containers.conf.d"
	sed 's|@bin@|$(PREFIX)/bin|' dist/containers.conf >"$(DESTDIR)/etc/containers/containers.conf.d/jailrun.conf"
	$(JAILRUN) --generate-completion-script bash >"$(DESTDIR)$(PREFIX)/share/bash-completion/completions/jailrun"
	$(JAILRUN) --generate-completion-script zsh >"$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_jailrun"
	$(JAILRUN) --generate-completion-script fish >"$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/jailrun.fish"

## make uninstall   what install made, with the same PREFIX and DESTDIR
uninstall:
	for name in jail jls jexec jailrun-oci; do \
	    [ "$$(readlink "$(DESTDIR)$(PREFIX)/bin/$$name")" != jailrun ] || rm -f "$(DESTDIR)$(PREFIX)/bin/$$name"; \
	done
	rm -f "$(DESTDIR)$(PREFIX)/bin/jailrun" "$(DESTDIR)/etc/containers/containers.conf.d/jailrun.conf" \
	    "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/jailrun" \
	    "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_jailrun" \
	    "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/jailrun.fish"
	rm -rf "$(DESTDIR)$(PREFIX)/libexec/jailrun"
	for unit in $(UNITS); do rm -f "$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit"; done
	! cmp -s dist/default "$(DESTDIR)/etc/default/jailrun" || rm -f "$(DESTDIR)/etc/default/jailrun"
	for page in docs/man/*.[158]; do \
	    rm -f "$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}"; \
	done

## make clean       what was built, the examples' roots too
clean:
	rm -rf $(BUILD) rootfs-examples/*/root rootfs-examples/*/root.part

## make deps        every Debian package that some target needs
deps:
	@.ci/need $(VM_PACKAGES) $(ENGINES_PACKAGES) $(FREEBSD_PACKAGES) $(LINT_PACKAGES) $(BENCH_PACKAGES) $(PAGE_PACKAGES) $(SHELL_PACKAGES)
deps-build:
	@.ci/need $(BUILD_PACKAGES)
deps-demo:
	@.ci/need $(DEMO_PACKAGES)
deps-test:
	@.ci/need $(TEST_PACKAGES)
deps-engines:
	@.ci/need $(ENGINES_PACKAGES)
deps-freebsd:
	@.ci/need $(FREEBSD_PACKAGES)
deps-vm:
	@.ci/need $(VM_PACKAGES)
deps-lint:
	@.ci/need $(LINT_PACKAGES)
deps-bench:
	@.ci/need $(BENCH_PACKAGES)
deps-order:
	@.ci/need $(ORDER_PACKAGES)

.PHONY: all help root build release demo test test-nightly tour test-vm test-engines test-freebsd examples probe bench order lint format docs picture \
	install uninstall clean \
	deps deps-build deps-demo deps-test deps-engines deps-freebsd deps-vm deps-lint deps-bench deps-order
