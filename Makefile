# nvio. `make` builds, `make fio` fio's engine, `make demo` shows it, `make check` tests it, `make install` installs it.
#
#   ASAN=1 UBSAN=1 TSAN=1 DEBUG=1 CC=clang   each combination builds in a tree of its own under build/
#   CROSS=aarch64-linux-gnu                  for another architecture (or powerpc64le-linux-gnu), with what scripts/sysroot fetches
#   FUZZ=1                                  the fuzz targets, with clang, in build/fuzz
#   WERROR=1 V=1                             warnings are errors; show the commands
#   CFLAGS LDFLAGS                           added last
#   FIO_SRC=DIR                              `make fio`: fio's source, configured and built, in the place of Debian's
#   PREFIX LIBDIR DESTDIR                    for install
silent := $(findstring s,$(firstword -$(MAKEFLAGS)))
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

VERSION := 0.1.0
SOVERSION := 0
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
DOCDIR ?= $(PREFIX)/share/doc/nvio

ifeq ($(origin CC),default)
CC := $(if $(FUZZ),clang,$(if $(CROSS),$(CROSS)-)gcc)
endif
AR := $(if $(CROSS),$(CROSS)-)ar
ifeq ($(origin CXX),default)
CXX := g++
endif

# The flavour names the tree: objects of two flavours never meet.
comma := ,
arch := $(patsubst powerpc%,ppc%,$(firstword $(subst -, ,$(CROSS))))
flavour := $(if $(arch),$(arch)-)$(if $(filter-out gcc $(CROSS)-gcc,$(notdir $(CC))),$(notdir $(CC))-)$(if $(DEBUG),debug,release)
flavour := $(flavour)$(if $(ASAN),-asan)$(if $(UBSAN),-ubsan)$(if $(TSAN),-tsan)
ifdef FUZZ
flavour := fuzz
ASAN := 1
UBSAN := 1
endif
B ?= build/$(flavour)

sanitize := $(if $(ASAN),-fsanitize=address) $(if $(UBSAN),-fsanitize=undefined -fno-sanitize-recover=all)
sanitize += $(if $(TSAN),-fsanitize=thread) $(if $(FUZZ),-fsanitize=fuzzer-no-link)
warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
base_cflags := -std=gnu11 -D_GNU_SOURCE $(if $(DEBUG),-O0,-O2) -g -fPIC -pthread -fvisibility=hidden \
	-fno-strict-aliasing $(warnings) $(sanitize) -Iinclude -DNVIO_VERSION='"$(VERSION)"'
all_ldflags := -pthread $(sanitize) -Wl,--as-needed $(LDFLAGS)
libs := -lhugetlbfs -lisal
ifdef CROSS
sysroot := $(or $(shell scripts/sysroot $(arch)),$(error no libraries of $(arch)))
base_cflags += -isystem $(sysroot)/usr/include
# What the libraries need of others is found there, too; of libc all is the compiler's.
all_ldflags := -L$(sysroot)/usr/lib/$(CROSS) -Wl,-rpath-link,$(sysroot)/usr/lib/$(CROSS) $(all_ldflags)
endif

lib_src := $(wildcard lib/*/*.c emu/*.c)
emu_src := app/nvme_emu.c $(wildcard app/emu/*.c)
perf_src := app/nvme_perf.c $(wildcard app/perf/*.c app/common/*.c)
nvio_src := app/nvio.c $(wildcard app/nvio/*.c app/common/*.c)
suite_src := $(wildcard test/unit/test_*.c test/emu/test_*.c)
vm_src := $(wildcard test/vm/*.c)
fuzz_src := $(wildcard test/fuzz/fuzz_*.c)
fio_engine_src := $(wildcard fio_engine/*.c)
man_src := $(wildcard man/*.pod)
# Each call on this page can be looked up by its name.
man_links := $(shell sed -n '/^=head1 NAME/,/ - /{s/ - .*//;p}' man/nvio_io.3.pod | grep -o 'nvio_[a-z_]*')
example_src := $(wildcard examples/*.c)

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
lib_obj := $(call obj,$(lib_src))
perf_obj := $(call obj,$(perf_src))
emu_obj := $(call obj,$(emu_src))
nvio_obj := $(call obj,$(nvio_src))
suite_bin := $(suite_src:%.c=$(B)/%)
traffic_obj := $(call obj,$(wildcard test/traffic/*.c))
vm_bin := $(patsubst test/vm/%.c,$(B)/test/vm/%,$(vm_src))
fuzz_bin := $(fuzz_src:%.c=$(B)/%)
example_bin := $(example_src:%.c=$(B)/%)
man_out := $(patsubst man/%.pod,$(B)/man/%,$(man_src))
static_lib := $(B)/libnvio.a
shared_lib := $(B)/libnvio.so.$(VERSION)

Q := $(if $(V),,@)
say = $(if $(V)$(silent),,@printf '  %-4s %s\n' $(1) $@)

.PHONY: all lib programs examples tests fuzzers fio analysis deps demo check check-arch fuzz soak bench-vm bench-emu bench-cost bench-fio install clean help
all: lib programs $(man_out) $(B)/nvio.pc
lib: $(static_lib) $(B)/libnvio.so
programs: $(B)/nvme_perf $(B)/nvme_emu $(B)/nvio
examples: $(example_bin)
tests: $(suite_bin) $(vm_bin) $(B)/bench/cost examples
fuzzers: $(fuzz_bin)

help:
	@sed -n '2,10s/^# \{0,1\}//p' Makefile

# Everything depends on the flags: another CFLAGS or compiler rebuilds the tree.
flags := $(CC) $(base_cflags) $(if $(WERROR),-Werror) $(CFLAGS) / $(all_ldflags) / $(lib_src)
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(flags))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(flags))' > $@
FORCE:

# Applications and the tests of the public API see the public headers only; unit tests see the private ones too.
$(B)/obj/lib/% $(B)/obj/test/unit/%.o $(B)/obj/test/fuzz/%.o: private_inc := -Ilib -I.
$(B)/obj/test/unit/%.o: private_inc += -Iapp -Itest
$(B)/obj/test/emu/%.o: private_inc := -Itest/unit -Itest
$(B)/obj/test/fuzz/%.o: private_inc += -Itest/unit
$(B)/obj/test/vm/%.o: private_inc := -Itest
$(B)/obj/test/vm/soak.o: private_inc += -Itest/unit
$(B)/obj/emu/%: private_inc := -Ilib
$(B)/obj/app/%: private_inc := -Iapp
$(emu_obj) $(emu_obj:.o=.tidy): private_inc += -I.
# It prepares what the library needs, and reads /sys as the library does.
$(B)/obj/app/nvio.% $(B)/obj/app/nvio/%: private_inc := -Iapp -Ilib
$(B)/obj/bench/plain.o: private_inc := -Ilib -Itest
$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(base_cflags) $(private_inc) $(if $(WERROR),-Werror) -MMD -MP $(CFLAGS) -c -o $@ $<

$(static_lib): $(lib_obj)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) crs $@ $^

$(shared_lib): $(lib_obj) lib/nvio.map
	$(call say,LD)
	$(Q)$(CC) -shared -Wl,-soname,libnvio.so.$(SOVERSION) -Wl,--version-script=lib/nvio.map \
		$(if $(sanitize),,-Wl,-z$(comma)defs) -o $@ $(lib_obj) $(all_ldflags) $(libs)

$(B)/libnvio.so: $(shared_lib)
	$(Q)ln -sf $(<F) $(B)/libnvio.so.$(SOVERSION) && ln -sf libnvio.so.$(SOVERSION) $@

$(B)/nvme_perf: $(perf_obj) $(static_lib)
	$(call say,LD)
	$(Q)$(CC) -o $@ $^ $(all_ldflags) $(libs)

$(B)/nvme_emu: $(emu_obj) $(static_lib)
	$(call say,LD)
	$(Q)$(CC) -o $@ $^ $(all_ldflags) $(libs)

$(B)/nvio: $(nvio_obj) $(static_lib)
	$(call say,LD)
	$(Q)$(CC) -o $@ $^ $(all_ldflags) $(libs)

# A unit test may reach into the parts of the programs that have no main().
suite_common := $(call obj,$(filter-out $(suite_src) test/unit/quiet.c,$(wildcard test/unit/*.c test/emu/*.c)))
suite_common += $(filter-out $(B)/obj/app/nvme_perf.o $(B)/obj/app/nvio.o,$(sort $(perf_obj) $(nvio_obj))) $(traffic_obj)
# Those in test/emu start the nvme_emu beside them.
$(suite_bin): $(B)/%: $(B)/obj/%.o $(suite_common) $(static_lib) | $(B)/nvme_emu
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) -o $@ $^ $(all_ldflags) $(libs) -lcunit

# These count allocations, and so bring their own malloc() along.
$(B)/test/unit/test_quiet $(B)/test/emu/test_io_quiet: $(call obj,test/unit/quiet.c)

# The driver's cost: the application is compiled apart from what makes its queue pairs.
$(B)/bench/cost: $(call obj,bench/cost.c bench/plain.c test/unit/fake_iommu.c) $(static_lib)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) -o $@ $^ $(all_ldflags) $(libs)

$(B)/test/vm/mixed $(B)/test/vm/resets: $(traffic_obj)
$(B)/test/vm/soak: $(call obj,test/emu/load.c test/emu/stack.c test/emu/usage.c test/unit/tap.c)
$(B)/test/vm/soak: libs += -lcunit
$(B)/test/vm/%: $(B)/obj/test/vm/%.o $(static_lib)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) -o $@ $(filter %.o,$^) $(static_lib) $(all_ldflags) $(libs)

# As a user's: public headers only.
$(B)/examples/uring: libs += -luring
$(B)/examples/%: $(B)/obj/examples/%.o $(static_lib)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) -o $@ $^ $(all_ldflags) $(libs)

$(B)/bench/%: $(B)/obj/bench/%.o $(static_lib)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) -o $@ $^ $(all_ldflags) $(libs)

# Fuzz targets replace calls of the system through which the other side answers.
fuzz_common := $(call obj,$(filter-out $(fuzz_src),$(wildcard test/fuzz/*.c)))
fuzz_common += $(call obj,$(addprefix test/unit/,emu_client.c fake_iommu.c qpair_bench.c))
$(B)/test/fuzz/fuzz_caps: wrap := -Wl,--wrap=ioctl
$(B)/test/fuzz/fuzz_server: wrap := -Wl,--wrap=poll
$(B)/test/fuzz/fuzz_client: wrap := -Wl,--wrap=poll,--wrap=nvio_user_reader_look
$(B)/test/fuzz/fuzz_ctrl: wrap := -Wl,--wrap=nvio_device_open,--wrap=clock_gettime,--wrap=clock_nanosleep
$(B)/test/fuzz/%: $(B)/obj/test/fuzz/%.o $(fuzz_common) $(static_lib)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) -fsanitize=fuzzer $(wrap) -o $@ $^ $(all_ldflags) $(libs)

# fio's engine, for one version of fio. Its headers are looked for when they are first needed.
fio: $(B)/nvio-fio.so
fio_src = $(eval fio_src := $(or $(FIO_SRC),$(shell scripts/fio-headers)))$(or $(fio_src),$(error no headers of fio))
fio_version = $(eval fio_version := $(shell cat $(fio_src)/version 2> /dev/null || \
	sed -n 's/^FIO_VERSION = //p' $(fio_src)/FIO-VERSION-FILE))$(or $(fio_version),$(error $(fio_src): build fio there first))
fio_obj := $(call obj,$(fio_engine_src))
fio_cost_obj := $(call obj,bench/fio_cost.c bench/fio_null.c)
$(fio_obj) $(fio_cost_obj) $(fio_obj:.o=.tidy): private_inc = -include $(fio_src)/config-host.h -isystem $(fio_src) -DNVIO_FIO_VERSION='"$(fio_version)"'
$(fio_cost_obj): private_inc += -Ifio_engine
$(fio_obj) $(fio_cost_obj): $(B)/fio-version
$(B)/fio-version: FORCE
	@mkdir -p $(@D)
	@echo '$(fio_version) $(fio_src)' | cmp -s - $@ || echo '$(fio_version) $(fio_src)' > $@

# It stays loaded: threads end with what the library keeps of them when fio has closed it already.
$(B)/nvio-fio.so: $(fio_obj) fio_engine/nvio-fio.map $(static_lib)
	$(call say,LD)
	$(Q)$(CC) -shared -Wl,-z,nodelete -Wl,--version-script=fio_engine/nvio-fio.map -o $@ $(filter %.o %.a,$^) $(all_ldflags) $(libs)

# What static analysis finds: a stamp for each file, made again when its object is. Nothing else is built of it.
analysis_src ?= $(sort $(lib_src) $(emu_src) $(perf_src) $(nvio_src) $(example_src) $(fio_engine_src))
tidy_out := $(patsubst %.c,$(B)/obj/%.tidy,$(analysis_src))
fanalyzer_out := $(patsubst %.c,$(B)/obj/%.fanalyzer,$(filter lib/%,$(analysis_src)))
analysis: $(tidy_out) $(fanalyzer_out) $(B)/cppcheck
known := -include test/build/errors.h

$(B)/obj/%.tidy: %.c $(B)/obj/%.o .clang-tidy test/build/errors.h
	$(call say,TIDY)
	$(Q)clang-tidy --quiet --config-file=.clang-tidy $< -- $(base_cflags) $(private_inc) $(known) > $@ 2>&1 || { cat $@; exit 1; }

# gcc 12 takes memory for lost that a pointer behind a pointer keeps, or one to the first member, and memory for unset
# that pread() has filled; the sanitizer of addresses and valgrind know better.
$(B)/obj/%.fanalyzer: %.c $(B)/obj/%.o test/build/errors.h
	$(call say,GCC)
	$(Q)gcc $(base_cflags) $(private_inc) $(known) -fanalyzer -Wno-analyzer-malloc-leak \
		-Wno-analyzer-use-of-uninitialized-value -Werror -S -o /dev/null $<
	@touch $@

# It looks into no header of the system's: what those define is told.
$(B)/cppcheck: $(analysis_src) $(wildcard include/nvio/*.h lib/*/*.h emu/*.h app/*/*.h fio_engine/*.h) test/build/cppcheck.txt
	@mkdir -p $(@D)
	$(call say,CPP)
	$(Q)cppcheck -j2 --quiet --error-exitcode=1 --enable=warning,performance,portability --inconclusive --std=c11 \
		--library=posix --platform=unix64 --max-configs=1 --suppressions-list=test/build/cppcheck.txt \
		-D__linux__ -D__x86_64__ -D_GNU_SOURCE -DUINTPTR_MAX=0xffffffffffffffff -DSIZE_MAX=0xffffffffffffffff \
		-DNVIO_VERSION='"$(VERSION)"' -Iinclude -Ilib -I. -Iapp $(analysis_src) > $@ 2>&1 || { cat $@; exit 1; }

# What the engine costs, on a queue pair in plain memory.
$(B)/bench/fio_cost: $(fio_cost_obj) $(call obj,$(addprefix fio_engine/,held.c io.c request.c wait.c) bench/plain.c test/unit/fake_iommu.c) $(static_lib)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) -o $@ $^ $(all_ldflags) $(libs)

$(B)/man/%: man/%.pod
	@mkdir -p $(@D)
	$(call say,MAN)
	$(Q)pod2man --section=$(subst .,,$(suffix $*)) --name=$(basename $*) --release='nvio $(VERSION)' --center=nvio $< $@

$(B)/nvio.pc: nvio.pc.in Makefile FORCE
	@mkdir -p $(@D)
	@sed -e 's|@prefix@|$(PREFIX)|;s|@libdir@|$(LIBDIR)|;s|@includedir@|$(INCLUDEDIR)|;s|@version@|$(VERSION)|' $< > $@

install: all
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/nvio $(DESTDIR)$(BINDIR)
	install -m 644 $(static_lib) $(DESTDIR)$(LIBDIR)/
	install -m 755 $(shared_lib) $(DESTDIR)$(LIBDIR)/
	ln -sf $(notdir $(shared_lib)) $(DESTDIR)$(LIBDIR)/libnvio.so.$(SOVERSION)
	ln -sf libnvio.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libnvio.so
	install -m 644 include/nvio/*.h $(DESTDIR)$(INCLUDEDIR)/nvio/
	install -m 644 $(B)/nvio.pc $(DESTDIR)$(LIBDIR)/pkgconfig/
	install -d $(DESTDIR)$(DOCDIR)/examples
	install -m 644 $(example_src) $(DESTDIR)$(DOCDIR)/examples/
	install -m 755 $(B)/nvme_perf $(B)/nvme_emu $(B)/nvio $(DESTDIR)$(BINDIR)/
	install -D -m 644 scripts/nvio.bash-completion $(DESTDIR)$(COMPLETIONDIR)/nvio
	install -D -m 644 -t $(DESTDIR)$(DOCDIR)/examples/fio fio_engine/examples/*.fio
	if [ -e $(B)/nvio-fio.so ]; then read -r version _ < $(B)/fio-version; \
		install -D -m 755 -t $(DESTDIR)$(LIBDIR)/nvio/$$version $(B)/nvio-fio.so; fi
	for page in $(man_out); do section=$${page##*.}; \
		install -D -m 644 $$page $(DESTDIR)$(MANDIR)/man$$section/$${page##*/} || exit 1; done
	for name in $(man_links); do \
		echo .so man3/nvio_io.3 > $(DESTDIR)$(MANDIR)/man3/$$name.3 || exit 1; done

deps:
	scripts/deps

# TARGET: one of them, or all in turn; SECONDS: how long each. What is new stays in build/fuzz/corpus.
SECONDS ?= 60
TARGET ?= $(fuzz_src:test/fuzz/fuzz_%.c=%)
fuzz:
	$(Q)$(MAKE) -s FUZZ=1 fuzzers
	$(Q)for t in $(TARGET); do test/fuzz/run $$t $(SECONDS) build/fuzz/corpus/$$t || exit 1; done

# RESETS, REMOVALS, KILLS: how many of each, at random moments under load. GUEST: of each in a guest, on VFIO. HOSTILE:
# seconds with controllers that do anything, under sanitizers.
RESETS ?= 1000
REMOVALS ?= 200
KILLS ?= 200
GUEST ?= 50
HOSTILE ?= 300
soak: $(B)/test/emu/test_soak $(B)/test/vm/soak
	$(B)/test/emu/test_soak $(RESETS) $(REMOVALS) $(KILLS)
	$(MAKE) -s ASAN=1 UBSAN=1 build/release-asan-ubsan/test/emu/test_hostile
	build/release-asan-ubsan/test/emu/test_hostile $(HOSTILE)
	test/vm/run-test -v -t 3600 test/vm/tests/soak.sh small $(GUEST) $(GUEST) $(GUEST)

demo check check-arch bench-vm bench-emu bench-cost bench-fio:
	@scripts/$@

clean:
	rm -rf build

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
.PRECIOUS: $(B)/obj/%.o
