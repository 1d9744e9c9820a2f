#include <pararun/inspect.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include <pararun/error.hpp>

#include "posix/cpus.hpp"
#include "posix/file.hpp"
#include "store/id_hash.hpp"
#include "store/lock.hpp"
#include "store/seen_set.hpp"
#include "store/survey.hpp"

namespace pararun {

Recovery inspect(const std::filesystem::path& cache_path, const std::string& key_field) {
  if (key_field.empty()) throw OptionsError("key_field", "must not be empty");
  posix::Fd fd;
  try {
    fd = posix::open_regular(cache_path, O_RDONLY);
  } catch (const StoreError& error) {
    if (error.error_number() == ENOENT) return {};
    throw;
  }
  const auto threads = static_cast<unsigned>(std::min<std::size_t>(posix::usable_cpus(), 64));
  try {
    store::SeenSet ids;
    Recovery found = store::survey(fd.get(), cache_path, key_field, store::IdHasher(), ids, threads);
    found.warnings = store::file_warnings(fd.get(), cache_path);
    return found;
  } catch (const std::bad_alloc&) {
    posix::fail("cannot read", cache_path, ENOMEM);
  }
}

}  // namespace pararun
