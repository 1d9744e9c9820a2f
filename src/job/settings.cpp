#include "job/settings.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include <pararun/error.hpp>

#include "job/batch_size.hpp"
#include "json/text.hpp"
#include "posix/cpus.hpp"
#include "posix/file.hpp"
#include "store/results_store.hpp"
#include "type_name.hpp"

namespace pararun::job {
namespace {

constexpr std::size_t kMostTokens = 1'000'000;

template <class Duration>
void refuse_negative(const char* field, Duration value) {
  if (value < Duration::zero()) throw OptionsError(field, "must not be negative");
}

void check_values(const Options& options) {
  if (options.n_workers > kMostWorkers) {
    const std::size_t most = std::max(kMostWorkers, posix::usable_cpus());
    if (options.n_workers > most) throw OptionsError("n_workers", "must not be above " + std::to_string(most));
  }
  if (options.max_tokens > kMostTokens) {
    throw OptionsError("max_tokens", "must not be above " + std::to_string(kMostTokens));
  }
  if (options.batch > BatchSize::kMost) {
    throw OptionsError("batch", "must not be above " + std::to_string(BatchSize::kMost));
  }
  if (options.key_field.empty()) throw OptionsError("key_field", "must not be empty");
  if (json::valid_utf8_prefix(options.key_field) != options.key_field.size()) {
    throw OptionsError("key_field", "must be valid UTF-8");
  }
  if (options.key_field == "result" || options.key_field == "error") {
    throw OptionsError("key_field", "must not be \"" + options.key_field + "\", a member that pararun adds itself");
  }
  refuse_negative("timeout", options.timeout);
  refuse_negative("retry_delay", options.retry_delay);
  refuse_negative("drain_timeout", options.drain_timeout);
  refuse_negative("time_budget", options.time_budget);
  refuse_negative("flush_interval", options.flush_interval);
}

/// Results would be read as items, without end.
void refuse_own_input(const std::filesystem::path& results, int descriptor) {
  struct stat input {};
  if (results.empty() || descriptor < 0 || ::fstat(descriptor, &input) != 0) return;
  for (const std::filesystem::path& path : {results, store::failures_path(results)}) {
    if (!posix::is_named_by(input, path)) continue;
    throw OptionsError("cache_path", path.string() + " is the file that the items are read from");
  }
}

}  // namespace

Settings check(const Options& options, detail::Traits traits) {
  check_values(options);
  refuse_own_input(options.cache_path, traits.descriptor);
  const bool in_processes = options.backend == Backend::process;
  if (in_processes && !traits.crosses) {
    throw OptionsError("backend", "items of type " + detail::readable_type(traits.item_type.c_str()) +
                                      " cannot be sent to a worker process: declare the struct with PARARUN_WIRE or "
                                      "specialise pararun::Wire for it; pointers and views never can be");
  }
  if (!options.cache_path.empty() && !traits.has_key) {
    throw OptionsError("cache_path", "items of type " + detail::readable_type(traits.item_type.c_str()) +
                                         " have no id: give them a member `id` or a function pararun_key(item), or "
                                         "pass `items | pr::keyed(projection)` or `items | pr::numbered()`");
  }
  // A worker process gets a copy of the item each time.
  if (options.retries > 0 && traits.consumes && !in_processes) {
    throw OptionsError("retries", "the function takes items of type " +
                                      detail::readable_type(traits.item_type.c_str()) +
                                      " by value, which cannot be copied for another attempt; let it take a const "
                                      "reference");
  }
  const std::size_t n_workers = options.n_workers != 0 ? options.n_workers : posix::usable_cpus();
  const std::size_t max_tokens = options.max_tokens != 0 ? options.max_tokens : 2 * n_workers;
  // An item shall never wait for the next one to arrive.
  const std::size_t batch = options.batch == 0 && traits.may_block ? 1 : options.batch;
  return {options, std::move(traits), n_workers, max_tokens, batch};
}

}  // namespace pararun::job
