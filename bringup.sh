#!/bin/sh
# Builds bringup when it is not built yet, and runs it: ./bringup.sh up
# Installs what the build needs after showing the command and asking; --yes does not ask.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
program=$here/build/bringup

# Up to date: the program is newer than every source. One find, no cmake, no ninja.
fresh() {
  [ -x "$program" ] && [ -f "$here/build/.built" ] || return 1
  [ -z "$(find "$here/src" "$here/data" "$here/cmake" "$here/CMakeLists.txt" -newer "$here/build/.built" -print -quit)" ]
}

agreed() {
  for word in "$@"; do
    case $word in --yes | -y) return 0 ;; esac
  done
  [ -t 0 ] || return 1
  printf 'Run it? [y/N] ' >&2
  read -r answer
  case $answer in y | Y | yes) return 0 ;; esac
  return 1
}

has() { command -v "$1" >/dev/null 2>&1; }
header() { [ -e "/usr/include/$1" ] || [ -e "/usr/local/include/$1" ]; }

# The packages of this distribution that the build lacks, one a word.
missing() {
  if has apt-get; then
    has c++ || printf 'g++ '
    has cmake || printf 'cmake '
    has ninja || printf 'ninja-build '
    header CLI/CLI.hpp || printf 'libcli11-dev '
    header fmt/format.h || printf 'libfmt-dev '
    header nlohmann/json.hpp || printf 'nlohmann-json3-dev '
    header toml++/toml.h || printf 'libtomlplusplus-dev '
  else
    has c++ || printf 'gcc-c++ '
    has cmake || printf 'cmake '
    has ninja || printf 'ninja-build '
    header CLI/CLI.hpp || printf 'cli11-devel '
    header fmt/format.h || printf 'fmt-devel '
    header nlohmann/json.hpp || printf 'json-devel '
    header toml++/toml.h || printf 'tomlplusplus-devel '
  fi
}

install_packages() {
  packages=$1
  shift
  if has apt-get; then
    command="apt-get update && apt-get install -y --no-install-recommends $packages"
  elif has dnf; then
    command="dnf install -y epel-release && dnf install -y $packages"
  else
    echo "bringup.sh: neither apt-get nor dnf is here; the build needs: $packages" >&2
    exit 1
  fi
  echo "bringup.sh: the build needs packages that are not installed:" >&2
  echo "  $command" >&2
  if [ "$(id -u)" != 0 ]; then
    echo "bringup.sh: that needs root. Run it as above (with sudo), then this again." >&2
    exit 77
  fi
  if ! agreed "$@"; then
    echo "bringup.sh: not agreed; nothing was changed. --yes agrees in advance." >&2
    exit 4
  fi
  # Each word of $packages is a package name that stands in this script.
  # shellcheck disable=SC2086
  if has apt-get; then
    DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages >&2
  else
    dnf install -y epel-release >&2 || echo "bringup.sh: EPEL could not be enabled; going on with what is there" >&2
    dnf install -y $packages >&2
  fi
}

if ! fresh; then
  packages=$(missing)
  if [ -n "$packages" ]; then install_packages "$packages" "$@"; fi
  echo "bringup.sh: building (some minutes the first time)" >&2
  log=$here/build/build.log
  mkdir -p "$here/build"
  stamp=$here/build/.building
  : >"$stamp"
  if ! { cmake -S "$here" -B "$here/build" -G Ninja -DCMAKE_BUILD_TYPE=Release && cmake --build "$here/build" --target bringup; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "bringup.sh: the build failed; the whole log is in $log" >&2
    exit 1
  fi
  mv "$stamp" "$here/build/.built"
fi
exec "$program" "$@"
