# Makefile - builds, installs and checks iotdataplane
#
#   make                  build for every Lua whose headers are found
#   make LUA=5.4          build for one of them: see LUAS
#   make install          LUA, PREFIX and DESTDIR say for which and where to
#   make demo             publish to a broker on this machine, and show it
#   make demo-nginx       the same from nginx
#   make test             all checks; LUAS="5.4 luajit", STEPS="specs lint"
#                         and JOBS=1 narrow them
#   make lint, valgrind, asan, rocks    those checks alone
#   make fuzz             its check, for FUZZ_SECONDS in all
#   make bench            measure
#   make deps             install the Debian packages that are missing;
#                         DEPS=: on demo, test and bench leaves that out

# Settings ------------------------------------------------------------------

LUAS    = 5.1 5.2 5.3 5.4 luajit
MODULES = core curl
PREFIX  = /usr/local
DESTDIR =
BUILD   = build

WARN    = -Wall -Wextra -Wconversion
WERROR  = -Werror
CORE_LIBS = -lcrypto -lpthread
CURL_LIBS = -lcurl -lpthread
SANITIZE  = -g -fsanitize=address,undefined -fno-sanitize-recover=all

FUZZ_SECONDS = 600

DEPS    = bash spec/support/deps.sh
CHECK   = bash spec/support/run_tests.sh

# What is built -------------------------------------------------------------

core     = buf uri encode header framing http1 request sigv4 crypto spawn \
           process clock certificate
core_lua = lcore lcompose lfields lreader lrecord lsign lspawn
curl     = curl_openssl curl_options curl_pipe curl_share curl_tls curl_trust \
           exchange heap loop poller pool socket wait watch
curl_lua = lcurl lexchange lfields lloop lrecord lwake process clock buf \
           header framing http1 request

CPPFLAGS_ALL = -Icsrc -MMD -MP $(CPPFLAGS)
CFLAGS_ALL   = -std=c99 -O2 -fPIC $(WARN) $(WERROR) $(CFLAGS)

ifeq ($(shell uname -s),Darwin)
SHARED = -bundle -undefined dynamic_lookup
else
SHARED = -shared
endif

.PHONY: all install clean ctests demo demo-nginx test lint valgrind asan \
        rocks fuzz bench deps format

ifndef LUA # every Lua that is found, one after the other

FOUND = $(foreach v,$(LUAS),$(shell \
          pkg-config --exists $(patsubst 5.%,lua5.%,$v) && echo $v))

all install:
	$(if $(FOUND),,$(error pkg-config finds the headers of none of: \
	  Lua $(LUAS). Set LUA and LUA_INCDIR))
	@set -e; for lua in $(FOUND); do \
	  $(MAKE) --no-print-directory LUA=$$lua $@; done

else # one Lua

ifeq ($(filter $(LUA),$(LUAS)),)
$(error LUA is one of: $(LUAS))
endif

LUA_INCDIR := $(patsubst -I%,%,$(firstword $(shell \
                pkg-config --cflags-only-I $(patsubst 5.%,lua5.%,$(LUA)))))
OUT   := $(BUILD)/$(LUA)
SOS   := $(MODULES:%=$(OUT)/iotdataplane/%.so)
ABI   := $(patsubst luajit,5.1,$(LUA))
LUADIR = $(DESTDIR)$(PREFIX)/share/lua/$(ABI)
LIBDIR = $(DESTDIR)$(PREFIX)/lib/lua/$(ABI)/iotdataplane

all: $(SOS)

$(OUT)/iotdataplane/core.so: $(patsubst %,$(OUT)/%.o,$(core) $(core_lua))
	@mkdir -p $(@D)
	$(CC) $(SHARED) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CORE_LIBS)

$(OUT)/iotdataplane/curl.so: $(patsubst %,$(OUT)/%.o,$(curl) $(curl_lua))
	@mkdir -p $(@D)
	$(CC) $(SHARED) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CURL_LIBS)

$(OUT)/%.o: csrc/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CPPFLAGS_ALL) $(LUA_INCDIR:%=-isystem %) -c -o $@ $<

install: all
	install -d $(LIBDIR)
	install -m 644 $(SOS) $(LIBDIR)
	cd lua && find . -name '*.lua' | while read -r file; do \
	  (cd .. && install -D -m 644 lua/$$file $(LUADIR)/$$file) || exit; done

-include $(wildcard $(OUT)/*.d)
endif

# The tests in C, each linked with what it needs of the core, sanitized.
CTESTS := $(patsubst spec/c/%.c,$(BUILD)/c/%,$(wildcard spec/c/test_*.c))
COBJS  := $(patsubst %,$(BUILD)/c/%.o,$(core) $(curl))

ctests: $(CTESTS)

$(BUILD)/c/test_%: spec/c/test_%.c $(BUILD)/c/libiot.a
	$(CC) $(CFLAGS_ALL) $(CPPFLAGS_ALL) $(SANITIZE) $(LDFLAGS) -o $@ $< \
	  $(BUILD)/c/libiot.a $(CORE_LIBS) $(CURL_LIBS)

$(BUILD)/c/libiot.a: $(COBJS)
	$(AR) rcs $@ $^

$(BUILD)/c/%.o: csrc/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CPPFLAGS_ALL) $(SANITIZE) -c -o $@ $<

-include $(wildcard $(BUILD)/c/*.d)

# libFuzzer's targets, each with what it needs of the core: fuzz_http1 has the
# reader itself, with limits of its own. CC is clang.
fuzz_header = buf encode header
fuzz_http1  = buf header
fuzz_uri    = buf uri

$(BUILD)/fuzz/%: spec/fuzz/%.c $(wildcard csrc/*.[ch])
	@mkdir -p $(@D)
	$(CC) -std=c99 -O1 $(WARN) $(WERROR) -Icsrc $(SANITIZE) \
	  -fsanitize=fuzzer -o $@ $< $(patsubst %,csrc/%.c,$($*))

# What is done with it ------------------------------------------------------

demo:
	$(DEPS) demo
	$(MAKE) LUA=5.4 all
	bash spec/support/demo.sh

demo-nginx:
	$(DEPS) demo-nginx
	$(MAKE) LUA=luajit all
	bash spec/support/demo_nginx.sh

test:
	$(DEPS) test
	$(CHECK)

lint valgrind asan rocks:
	$(DEPS) test
	STEPS=$@ $(CHECK)

fuzz:
	$(DEPS) test
	STEPS=fuzz FUZZ_SECONDS=$(FUZZ_SECONDS) LIMIT=86400 $(CHECK)

bench:
	$(DEPS) bench
	$(MAKE) LUA=5.4 all
	$(MAKE) LUA=luajit all
	bash bench/run.sh

deps:
	$(DEPS) demo test bench

format:
	clang-format -i csrc/*.[ch]

clean:
	rm -rf $(BUILD)
