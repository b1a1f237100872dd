# The front door. Everything else is CMake: cmake --list-presets.
#   make          builds build/frugal (and installs what is missing: scripts/setup says what and why)
#   make demo     climbs the ladder on two example tasks with the embedded model
#   make test     builds and runs all tests
#   make fuzz     fuzzes every parser for a minute each (SECONDS_EACH=60)
#   make meter-package   the meter alone, needing libc and nothing else: a tarball and a .deb in dist/
#   make install  PREFIX=/usr/local DESTDIR=
PREFIX ?= /usr/local
SECONDS_EACH ?= 60
JOBS ?= $(shell nproc)

all: build/frugal-is-built

.PHONY: meter-package all demo test fuzz asan tsan format analyse install clean build/frugal-is-built
build/frugal-is-built: build/CMakeCache.txt
	@cmake --build build -j$(JOBS) --target frugal

build/CMakeCache.txt: CMakePresets.json
	@scripts/setup
	@cmake --preset release > build-configure.log || { cat build-configure.log; exit 1; }
	@rm -f build-configure.log

demo: all
	@scripts/demo.sh

test: build/CMakeCache.txt
	@cmake --build build -j$(JOBS)
	@tests/run build

asan tsan:
	@scripts/setup
	@cmake --preset $@ > /dev/null
	@cmake --build build-$@ -j$(JOBS)
	@scripts/sanitized $@

fuzz:
	@scripts/setup fuzz
	@scripts/fuzz $(SECONDS_EACH)

meter-package: build/CMakeCache.txt
	@cmake --build build -j$(JOBS) --target frugal-meter
	@scripts/meter_package build/frugal-meter dist

format:
	@scripts/format

analyse: build/CMakeCache.txt
	@scripts/analyse

install: all
	@cmake --build build -j$(JOBS) --target libfrugal
	@DESTDIR="$(DESTDIR)" cmake --install build --prefix "$(PREFIX)"

clean:
	@rm -rf build build-*
