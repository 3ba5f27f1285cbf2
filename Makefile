# Sokoul. One makefile for everything; `make help` lists what it can do.
#
#   CC=clang        another compiler          SAN=asan|tsan|cov   a sanitizer build, or one that counts
#   T=name          with `test`: one test     CRASH=1          a build with crash points
#
# Objects live under build/<flavour>/, finished programs of the plain build in build/bin/.

SHELL := /bin/bash
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := $(if $(findstring clang,$(CC)),clang++,g++)
endif
SAN   ?=
CRASH ?=
JOBS  ?= $(shell nproc)

flavour := $(notdir $(firstword $(CC)))$(if $(SAN),-$(SAN))$(if $(CRASH),-crash)
O       := build/$(flavour)
BIN     := $(if $(filter gcc,$(flavour)),build/bin,$(O)/bin)

VERSION := $(shell cat VERSION 2>/dev/null || echo 0.0.0)

# ---- flags ------------------------------------------------------------------------------

is_gcc := $(if $(findstring clang,$(CC)),,1)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual \
	-Wcast-align -Wwrite-strings -Wpointer-arith -Wundef -Wvla -Wformat=2 -Wnull-dereference \
	-Wdouble-promotion -Wimplicit-fallthrough -Wredundant-decls -Werror
WARN_C := -Wstrict-prototypes -Wold-style-definition -Wmissing-prototypes
HARDEN := -O2 -g -fstack-protector-strong -fstack-clash-protection -fcf-protection=full \
	-fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing -fPIE
ifeq ($(SAN),)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
endif
ifneq ($(is_gcc),)
WARN   += -Wtrampolines -Wduplicated-cond -Wduplicated-branches -Wlogical-op
HARDEN += -ftrivial-auto-var-init=zero
endif
ifeq ($(SAN),asan)
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else ifeq ($(SAN),tsan)
SANFLAGS := -fsanitize=thread -fno-omit-frame-pointer
else ifeq ($(SAN),cov)
SANFLAGS := --coverage -fprofile-update=atomic
endif

# One missing name makes pkg-config answer nothing at all.
LIBS_C := libmicrohttpd libpq hiredis libnats libcjson libjwt libargon2 libcurl libcrypto zlib
PKG_CFLAGS := $(shell pkg-config --cflags $(LIBS_C) 2>/dev/null | sed 's/-I/-isystem /g')
PKG_LIBS   := $(shell pkg-config --libs $(LIBS_C) 2>/dev/null) -lzxcvbn
LT_CFLAGS  = $(shell pkg-config --cflags libtorrent-rasterbar 2>/dev/null | sed 's/-I/-isystem /g')
LT_LIBS    = $(shell pkg-config --libs libtorrent-rasterbar 2>/dev/null) -lssl -lcrypto

CPPFLAGS := -I. -D_GNU_SOURCE -DSOKOUL_VERSION='"$(VERSION)"' $(if $(CRASH),-DSOKOUL_CRASH_POINTS) $(PKG_CFLAGS)
CFLAGS   := -std=c17 $(WARN) $(WARN_C) $(HARDEN) $(SANFLAGS)
CXXFLAGS := -std=c++17 $(WARN) $(HARDEN) $(SANFLAGS)
LDFLAGS  := -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed $(SANFLAGS)
LDLIBS   := $(PKG_LIBS) -lpthread -lm

# ---- what is built from what --------------------------------------------------------------
# A program is a folder with a main.c; the rest of the folder is an archive that its tests link too.

src = $(sort $(wildcard $(1)/*.c $(1)/*/*.c $(1)/*/*/*.c))
obj = $(patsubst %.c,$(O)/%.o,$(1))

COMMON_SRC  := $(call src,common)
RUNTIME_SRC := $(call src,workers/runtime)
PROGRAMS := sokoul-api sokoul-scout sokoul-hunter sokoulctl
DIR_sokoul-api    := api
DIR_sokoul-scout  := workers/scout
DIR_sokoul-hunter := workers/hunter
DIR_sokoulctl     := cli
BUILT := $(foreach p,$(PROGRAMS),$(if $(wildcard $(DIR_$(p))/main.c),$(p)))

ENGINE_SRC := $(wildcard workers/hunter/engine/*.cpp)
ENGINE_OBJ := $(patsubst %.cpp,$(O)/%.o,$(ENGINE_SRC))

$(O)/libsokoul.a: $(call obj,$(COMMON_SRC)) $(O)/gen/schema.o
$(O)/runtime.a: $(call obj,$(RUNTIME_SRC))
$(foreach p,$(PROGRAMS),$(eval $(O)/$(p).a: $(call obj,$(filter-out $(DIR_$(p))/main.c,$(call src,$(DIR_$(p)))))))
$(O)/sokoul-hunter.a: $(ENGINE_OBJ)
$(O)/sokoulctl.a: $(O)/gen/migrations.o

$(O)/%.a:
	@rm -f $@; mkdir -p $(@D); ar rcs $@ $^

$(O)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"; $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(O)/%.o: %.cpp
	@mkdir -p $(@D)
	@echo "  CXX   $<"; $(CXX) -I. -D_GNU_SOURCE $(LT_CFLAGS) $(CXXFLAGS) -MMD -MP -c $< -o $@

# The migrations travel inside sokoulctl, their versions inside every program.
$(O)/gen/migrations.c: tools/embed-migrations migrations $(wildcard migrations/*.sql)
	@mkdir -p $(@D)
	@tools/embed-migrations $(sort $(filter %.sql,$^)) > $@

$(O)/gen/schema.c: tools/embed-migrations migrations $(wildcard migrations/*.sql)
	@mkdir -p $(@D)
	@tools/embed-migrations --versions $(sort $(filter %.sql,$^)) > $@

$(O)/gen/%.o: $(O)/gen/%.c
	@echo "  CC    $<"; $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(O)/api/handlers/openapi.o: docs/openapi.json docs/openapi.html

define program
$(BIN)/$(1): $(O)/$(DIR_$(1))/main.o $(O)/$(1).a $(O)/runtime.a $(O)/libsokoul.a
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"; $(if $(filter sokoul-hunter,$(1)),$(CXX),$(CC)) $(LDFLAGS) -o $$@ $$^ $(if $(filter sokoul-hunter,$(1)),$$(LT_LIBS)) $(LDLIBS)
endef
$(foreach p,$(BUILT),$(eval $(call program,$(p))))

# ---- the library for others: include/sokoul.h, its archive and the examples --------------------------
# One object with what public.c needs, of which only names with the library's prefix can be seen.

OUT      := $(if $(filter gcc,$(flavour)),build,$(O))
LIB      := $(OUT)/lib
EXAMPLES := $(OUT)/examples
LIB_PC   := libpq hiredis libnats libcjson libcrypto
PREFIX   ?= /usr/local

$(LIB)/libsokoul.a: $(O)/workers/runtime/public.o $(O)/runtime.a $(O)/libsokoul.a
	@mkdir -p $(@D); rm -f $@
	@echo "  LIB   $@"; ld -r -o $(O)/public.o $^ && \
		objcopy -w --keep-global-symbol='sokoul_*' $(O)/public.o $(O)/sokoul.o && ar rcs $@ $(O)/sokoul.o

$(LIB)/sokoul.pc: Makefile VERSION
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$${prefix}/lib' 'includedir=$${prefix}/include' '' \
		'Name: sokoul' 'Description: Workers for Sokoul, a self-hosted media-automation platform' \
		'Version: $(VERSION)' 'Requires: $(LIB_PC)' 'Libs: -L$${libdir} -lsokoul -lpthread -lm' \
		'Cflags: -I$${includedir}' > $@

define link_worker
	@mkdir -p $(@D)
	@echo "  LINK  $@"; $(CC) -Iinclude $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB)/libsokoul.a \
		$(shell pkg-config --libs $(LIB_PC) 2>/dev/null) -lpthread -lm
endef
$(EXAMPLES)/%: examples/%.c include/sokoul.h $(LIB)/libsokoul.a
	$(link_worker)
$(O)/helpers/kit_worker: tests/library/kit_worker.c include/sokoul.h $(LIB)/libsokoul.a
	$(link_worker)

# ---- unit and store tests: one program per tests/unit/**/*_test.c ------------------------------

TEST_SRC := $(sort $(shell find tests/unit -name '*_test.c' 2>/dev/null))
TEST_BIN := $(patsubst tests/unit/%.c,$(O)/tests/%,$(TEST_SRC))
SUPPORT_SRC := $(call src,tests/support)
$(O)/support.a: $(call obj,$(SUPPORT_SRC))

# The archives a test links: its own program's, then the library.
archives_of = $(if $(filter api/%,$(1)),$(O)/sokoul-api.a) \
	$(if $(filter workers/scout/%,$(1)),$(O)/sokoul-scout.a) \
	$(if $(filter workers/hunter/%,$(1)),$(O)/sokoul-hunter.a) \
	$(if $(filter cli/%,$(1)),$(O)/sokoulctl.a) \
	$(if $(filter workers/%,$(1)),$(O)/runtime.a)
BESIDE_readers_test := $(O)/tests/unit/workers/hunter/engine/libtorrent_says.o
BESIDE_magnets_test := $(BESIDE_readers_test)

define test_program
$(O)/tests/$(1): $(O)/tests/unit/$(1).o $(BESIDE_$(notdir $(1))) $(O)/support.a $(call archives_of,$(1)) $(O)/libsokoul.a
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"; $(if $(filter workers/hunter/%,$(1)),$(CXX),$(CC)) $(LDFLAGS) -o $$@ $$^ $(if $(filter workers/hunter/%,$(1)),$$(LT_LIBS)) -lcheck -lsubunit -lrt $(LDLIBS)
endef
$(foreach t,$(TEST_SRC),$(eval $(call test_program,$(patsubst tests/unit/%.c,%,$(t)))))
$(O)/tests/unit/%.o: WARN := $(filter-out -Wpedantic,$(WARN))

# What tests/integration/test_schema.py asks about envelopes.
$(O)/helpers/envelope_check: $(O)/tests/schema/envelope_check.o $(O)/libsokoul.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# ---- the bench's own programs: small clients, one per file that has a main -------------------------

BENCH_PROGRAMS := http_load fill relay stream peer_driver
BENCH_BIN := $(addprefix $(O)/bench/,$(BENCH_PROGRAMS))
$(O)/bench.a: $(call obj,$(filter-out $(BENCH_PROGRAMS:%=bench/%.c),$(wildcard bench/*.c)))
$(BENCH_BIN): $(O)/bench/%: $(O)/bench/%.o $(O)/bench.a $(O)/runtime.a $(O)/libsokoul.a $(O)/gen/migrations.o
	@echo "  LINK  $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# A tool that writes the generated documents out of the library's own tables.
$(O)/tools/gen: $(O)/tools/gen.o $(O)/libsokoul.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# ---- the simulation of the job core --------------------------------------------------------------

SIMULATE := $(O)/simulate
$(SIMULATE): $(call obj,$(wildcard tests/simulate/*.c)) $(O)/libsokoul.a
	@echo "  LINK  $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

-include $(shell find $(O) -name '*.d' 2>/dev/null)

# ---- what people call -------------------------------------------------------------------------

.PHONY: contract robustness audit coverage test-observe dist deb test-deb lib examples install all help model simulate compose-env test-compose chaos chaos-programs chaos-bugs setup build tests run test test-debian lint format docs hooks requirements fuzz bench load soak bench-programs clean
help: ## this list
	@sed -nE 's|^([a-z0-9-]+):.*## (.*)|\1\t\2|p' Makefile | expand -t 18

all: build
build: $(foreach p,$(BUILT),$(BIN)/$(p)) ## the programs, into build/bin/
tests: build examples $(TEST_BIN) $(SIMULATE) $(O)/helpers/envelope_check $(O)/helpers/kit_worker ## the programs and the unit tests, without running them

lib: $(LIB)/libsokoul.a $(LIB)/sokoul.pc ## the library for workers of one's own, into build/lib/
examples: lib $(patsubst examples/%.c,$(EXAMPLES)/%,$(wildcard examples/*.c)) ## the examples, into build/examples/

install: build lib ## programs, library, backup, releases, logs, man pages below PREFIX (/usr/local); DESTDIR goes before it
	@install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin include lib/pkgconfig share/man/man3 $(addprefix share/sokoul/,backup bluegreen nginx docs/schema examples logs tools/stack))
	@install -m 755 $(foreach p,$(BUILT),$(BIN)/$(p)) $(DESTDIR)$(PREFIX)/bin
	@install -m 644 include/sokoul.h $(DESTDIR)$(PREFIX)/include
	@install -m 644 $(LIB)/libsokoul.a $(DESTDIR)$(PREFIX)/lib
	@sed 's|^prefix=.*|prefix=$(PREFIX)|' $(LIB)/sokoul.pc > $(DESTDIR)$(PREFIX)/lib/pkgconfig/sokoul.pc
	@install -m 644 docs/man/*.3 $(DESTDIR)$(PREFIX)/share/man/man3
	@install -m 644 docs/JOBS.md docs/jobs.sql $(DESTDIR)$(PREFIX)/share/sokoul/docs
	@install -m 644 docs/schema/envelope.schema.json $(DESTDIR)$(PREFIX)/share/sokoul/docs/schema
	@install -m 644 examples/worker.c $(DESTDIR)$(PREFIX)/share/sokoul/examples
	@install -m 755 examples/worker.py $(DESTDIR)$(PREFIX)/share/sokoul/examples
	@install -m 644 tools/stack/nats.py $(DESTDIR)$(PREFIX)/share/sokoul/tools/stack
	@install -m 755 $(addprefix deploy/backup/,backup restore archive-wal) $(DESTDIR)$(PREFIX)/share/sokoul/backup
	@install -m 644 deploy/backup/*.py $(DESTDIR)$(PREFIX)/share/sokoul/backup
	@install -m 755 deploy/logs/by-request $(DESTDIR)$(PREFIX)/share/sokoul/logs
	@install -m 644 deploy/logs/journald.conf $(DESTDIR)$(PREFIX)/share/sokoul/logs
	@install -m 755 deploy/bluegreen/bluegreen $(DESTDIR)$(PREFIX)/share/sokoul/bluegreen
	@install -m 644 deploy/bluegreen/*.py $(DESTDIR)$(PREFIX)/share/sokoul/bluegreen
	@install -m 644 deploy/nginx/*.conf $(DESTDIR)$(PREFIX)/share/sokoul/nginx
	@tools/manuals $(O)/manuals $(foreach p,$(BUILT),$(BIN)/$(p))
	@install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,man/man1 man/man8 bash-completion/completions)
	@install -m 644 $(O)/manuals/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	@install -m 644 $(O)/manuals/*.8 $(DESTDIR)$(PREFIX)/share/man/man8
	@install -m 644 $(O)/manuals/sokoulctl $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	@echo "installed below $(DESTDIR)$(PREFIX)"

deb: ## the Debian packages, into build/deb/ (debhelper)
	@tools/setup compile packager
	@tools/package build/deb

dist: ## the tarball of the last commit with SBOM and SHA256SUMS, into build/dist/; licences are checked
	@tools/setup compile
	@tools/dist build/dist

audit: ## outdated, unused and vulnerable dependencies, after `apt-get update`; says what it could not ask
	@tools/audit

test-deb: ## make the packages, install, use, upgrade and purge them in minimal roots of SUITE= (root, mmdebstrap)
	@tools/setup packager roots
	@tools/test-deb $(SUITE)

setup: ## install the Debian packages that are needed (asks nothing)
	@tools/setup

run: ## set up, build and start everything on this machine
	@tools/setup run
	@tools/as-user $(MAKE) --no-print-directory -j$(JOBS) build
	@exec tools/run

test: ## set up, build and run all tests; T=name runs those whose name contains it
	@tools/setup test
	@$(MAKE) --no-print-directory -j$(JOBS) tests
	@$(if $(T),,$(MAKE) --no-print-directory CRASH=1 -j$(JOBS) chaos-programs)
	@BIN=$(BIN) TESTS=$(O)/tests SAN=$(SAN) CHAOS_BIN=$(if $(T),,$(CHAOS_BIN)) tools/test $(T)

# With T= the fault suite is asked for by `make chaos T=name`.
MINUTES   ?= 0
CHAOS_BIN := build/$(flavour)$(if $(CRASH),,-crash)/bin
chaos-programs: $(foreach p,sokoul-api sokoul-scout sokoul-hunter sokoulctl,$(BIN)/$(p))

chaos: ## the whole fault suite; MINUTES= for longer storms, SEED= for others, T=name for some of it
	@tools/setup test
	@$(MAKE) --no-print-directory CRASH=1 -j$(JOBS) chaos-programs
	@$(MAKE) --no-print-directory -j$(JOBS) $(O)/tests/workers/hunter/engine/node_test
	@CHAOS=1 TESTS=$(O)/tests SAN=$(SAN) MINUTES=$(MINUTES) SEED=$(SEED) CHAOS_BIN=$(CHAOS_BIN) tools/test $(T)

coverage: ## lines that the tests reach, into build/coverage/ (gcovr); T=name: those of some tests alone
	@tools/setup test coverage
	@$(MAKE) --no-print-directory SAN=cov -j$(JOBS) tests
	@find build/gcc-cov -name '*.gcda' -delete
	@BIN=build/gcc-cov/bin TESTS=build/gcc-cov/tests tools/test $(T)
	@mkdir -p build/coverage
	@gcovr --root . --object-directory build/gcc-cov --filter '(api|cli|common|workers)/' --html build/coverage/index.html \
		--xml build/coverage/coverage.xml --txt build/coverage/coverage.txt --print-summary

robustness: ## start-up, supervision, faults and load, with a table of every row of operating at the end (some minutes)
	@tools/setup test
	@$(MAKE) --no-print-directory -j$(JOBS) tests
	@ROBUSTNESS=1 BIN=$(BIN) TESTS=$(O)/tests tools/test $(T)

test-observe: ## each alert by its real cause, on a real Prometheus and Alertmanager (three minutes)
	@tools/setup test alerts
	@$(MAKE) --no-print-directory -j$(JOBS) tests
	@OBSERVE=1 BIN=$(BIN) TESTS=$(O)/tests tools/test test_alerting test_observing

chaos-bugs: ## plant each bug of tests/chaos/bugs in a copy, and see that the fault suite catches it
	@tools/setup test
	@$(MAKE) --no-print-directory CRASH=1 -j$(JOBS) chaos-programs
	@tests/chaos/bugs/run $(T)

compose-env: ## write .env and .secrets/ for docker compose: random passwords, never overwritten
	@tools/compose-env

test-compose: ## the containers on an engine of its own, with the fault drills (root, docker.io, docker-compose, mmdebstrap)
	@tools/setup test
	@$(MAKE) --no-print-directory -j$(JOBS) build
	@COMPOSE=1 SAN=$(SAN) BIN=$(BIN) tools/test $(T)

model: ## check the protocol's model with spin, in every order of events (some minutes, 3 GiB)
	@tools/setup compile checker
	@$(MAKE) --no-print-directory -C docs/model verify liveness bugs

SEED  ?= 1
STEPS ?= 1000000
simulate: ## drive the job core through STEPS random steps from SEED, then demand that planted bugs are found
	@$(MAKE) --no-print-directory -j$(JOBS) $(SIMULATE)
	@$(SIMULATE) --seed $(SEED) --steps $(STEPS)
	@$(SIMULATE) --seed $(SEED) --bugs

SUITE ?= trixie
test-debian: ## tests, checks and clang in a fresh minimal root of SUITE=trixie or bookworm (root, mmdebstrap)
	@tools/fresh-debian $(SUITE)

lint: ## formatting, warnings, static checks, layers
	@tools/setup lint
	@tools/lint

format: ## put all sources into shape
	@tools/setup lint
	@tools/format

docs: $(O)/tools/gen ## write .env.example, docs/CONFIG.md, docs/jobs.sql, docs/openapi.html and docs/CHECKLIST.md from the sources
	@$(O)/tools/gen .
	@tools/job-statements > docs/jobs.sql
	@tools/openapi
	@tools/checklist > docs/CHECKLIST.md

hooks: ## check each commit of this clone before it is made
	@git config core.hooksPath tools/hooks && echo "commits are checked by tools/hooks/pre-commit"

requirements: ## which requirements are proven by a test, and which in part
	@tools/requirements

contract: build ## ask a running API all that docs/openapi.json tells of, for SECONDS=, with SCHEMATHESIS= (optional)
	@BIN=$(BIN) tests/contract/run $(or $(SECONDS),120)

FUZZ_S ?= $(or $(SECONDS),20)
FUZZ_BIN := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/*$(T)*_fuzz.c))
fuzz: ## run each libFuzzer target for FUZZ_S seconds; T=NAME: those whose name contains it
	@tools/setup compile fuzzers
	@$(MAKE) --no-print-directory -j$(JOBS) $(FUZZ_BIN)
	@for target in $(FUZZ_BIN); do mkdir -p $$target.corpus; echo "  FUZZ  $$target"; \
		words=tests/fuzz/$$(basename $$target _fuzz).dict; \
		$$target -max_total_time=$(FUZZ_S) -timeout=5 -rss_limit_mb=1024 -max_len=65536 -verbosity=0 \
			$$([ ! -f $$words ] || echo -dict=$$words) -artifact_prefix=$$target. \
			$$target.corpus tests/unit/common/media/golden \
			$$(seeds=tests/fuzz/seeds/$$(basename $$target _fuzz); [ ! -d $$seeds ] || echo $$seeds) || exit 1; done

FUZZ_FLAGS := -std=c17 -O1 -g -fno-sanitize-recover=undefined
build/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	@clang $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c $< -o $@

build/fuzz/libsokoul.a: $(patsubst %.c,build/fuzz/obj/%.o,$(COMMON_SRC))
	@rm -f $@; ar rcs $@ $^

FUZZ_API_SRC := $(filter-out api/main.c,$(call src,api))
build/fuzz/api.a: $(patsubst %.c,build/fuzz/obj/%.o,$(FUZZ_API_SRC))
	@rm -f $@; ar rcs $@ $^

build/fuzz/%: tests/fuzz/%.c build/fuzz/api.a build/fuzz/libsokoul.a
	@echo "  FUZZC $<"; clang $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined -o $@ $^ $(LDLIBS)
-include $(patsubst %.c,build/fuzz/obj/%.d,$(COMMON_SRC) $(FUZZ_API_SRC))

bench: ## measure, beside the raw limits of the same machine; BENCH=quick for a first look
	@tools/setup run
	@$(MAKE) --no-print-directory -j$(JOBS) build bench-programs
	@BIN=$(BIN) TOOLS=$(O)/bench bench/run

load: ## many connections, more than there are places, a jump of the rate, 1,000 downloads; LOAD=quick for a first look
	@tools/setup run
	@$(MAKE) --no-print-directory -j$(JOBS) build bench-programs $(O)/tests/workers/hunter/engine/node_test
	@BIN=$(BIN) TOOLS=$(O)/bench TESTS=$(O)/tests bench/load

HOURS ?= 0
soak: ## steady load with faults for HOURS= or MINUTES= (20): growth, what was answered, whether a job was lost
	@tools/setup run
	@$(MAKE) --no-print-directory -j$(JOBS) build bench-programs
	@BIN=$(BIN) TOOLS=$(O)/bench bench/soak $$(/usr/bin/python3 -c 'print(($(HOURS)) * 60 + ($(MINUTES)) or 20)')

bench-programs: $(BENCH_BIN)

clean: ## remove build/
	@rm -rf build
