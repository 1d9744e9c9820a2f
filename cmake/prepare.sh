# shellcheck shell=sh disable=SC2034
# Sourced by the scripts that must work on a bare machine: installs what is missing, and nothing when nothing is, so that
# neither root nor the network is asked for twice.

PARARUN_BUILD_PACKAGES="g++ cmake ninja-build pkg-config libtbb-dev rapidjson-dev libxxhash-dev"
PARARUN_TEST_PACKAGES="catch2 e2fsprogs"

# prepare_packages <package>... : the Debian packages that have to be there from here on.
prepare_packages() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    cat >&2 <<EOT
This script installs what it needs on Debian 12 and its relatives only. On other systems please install
g++ 12 or later, CMake 3.25 or later, Ninja, pkg-config, oneTBB 2021, RapidJSON, xxHash and Catch2 2.13
with their headers (Debian calls them: $*), and then run
    cmake --workflow --preset release
EOT
    return 1
  fi
  missing=""
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0

  as_root="env"
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Please have an administrator run: apt-get install --no-install-recommends$missing" >&2
      return 1
    fi
    as_root="sudo env"
  fi
  echo "Installing$missing"
  # An update that fails (a mirror away, say) need not matter: the lists at hand may do.
  $as_root DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null || true
  # shellcheck disable=SC2086  # a list of words
  $as_root DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $missing </dev/null >/dev/null
}
