#!/bin/sh
# Builds oneTBB with ThreadSanitizer, from the sources of Debian's package, and prints the directory of the library, for
# LD_LIBRARY_PATH. ThreadSanitizer cannot see how the ordinary library passes items from thread to thread, and would
# take all of them for races.
#
#   cmake/tbb_for_tsan.sh <directory>     where it is built, and found again the next time
set -eu
mkdir -p "$1"
cd "$1"
package=onetbb
version=$(dpkg-query -W -f '${source:Version}' libtbb-dev)
. /etc/os-release

if [ ! -e "$version.done" ]; then
  {
    # Lists of its own: the machine's may not name the sources.
    mkdir -p lists/partial source
    cat > sources.list <<EOT
deb-src http://deb.debian.org/debian $VERSION_CODENAME main
deb-src http://deb.debian.org/debian-security $VERSION_CODENAME-security main
EOT
    set -- -o Dir::Etc::sourcelist="$PWD/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$PWD/lists" \
      -o APT::Sandbox::User=root -qq
    apt-get "$@" update
    apt-get "$@" source --download-only "$package=$version"
    tar -C source --strip-components=1 -xf "$package"_*.orig.tar.*
    cmake -S source -B build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTBB_SANITIZE=thread -DTBB_STRICT=OFF \
      -DTBB_TEST=OFF -DTBBMALLOC_BUILD=OFF -DTBB_DISABLE_HWLOC_AUTOMATIC_SEARCH=ON
    cmake --build build
    touch "$version.done"
  } >&2
fi
library=$(find "$PWD/build" -name libtbb.so.12)
[ -n "$library" ] || { echo "there is no libtbb.so.12 in $PWD/build" >&2; exit 1; }
dirname "$library"
