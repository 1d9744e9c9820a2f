#include "crash/promises.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

namespace pararun::testing {
namespace {

namespace fs = std::filesystem;

/// How much of each file the kernel has been given, and how much has been synced, in the course of a run.
class Written {
 public:
  /// `torn`: where what is cut off from a file is kept.
  explicit Written(std::map<fs::path, fs::path> torn) : torn_(std::move(torn)) {}

  void heed(const Arguments& call) {
    const fs::path path = call.text("path");
    const std::string name = call.text("name"), size = call.text("size");
    File& file = files_[path];
    const bool done = call.text("result") != "-1" && call.number("fault") == 0;
    if (name == "truncate" && done && !file.written) check_kept(path);
    file.written = file.written || (name == "write" && call.text("result") != "-1");
    if (size == "-1" || name == "open") return;
    file.size = std::stoull(size);
    file.synced = std::min(file.synced, file.size);
    if (name == "sync" && done) file.synced = file.size;
    file.sync_tried = file.sync_tried || name == "sync";
  }

  std::uint64_t safe(const fs::path& path, bool machine) {
    const File& file = files_[path];
    return machine ? file.synced : file.size;
  }

  bool sync_tried(const fs::path& path) { return files_[path].sync_tried; }

 private:
  struct File {
    std::uint64_t size = 0, synced = 0;
    bool written = false, sync_tried = false;
  };

  /// What is cut off in a repair has been kept, and would survive a power loss.
  void check_kept(const fs::path& path) {
    const auto torn = torn_.find(path);
    if (torn == torn_.end()) return;
    const File& kept = files_[torn->second];
    CHECK(kept.size > 0);
    CHECK(kept.synced == kept.size);
  }

  const std::map<fs::path, fs::path> torn_;
  std::map<fs::path, File> files_;
};

}  // namespace

void check_promises(const Killable& job, const Ledger& ledger, const fs::path& results, bool machine) {
  const fs::path directory = results.parent_path();
  const fs::path kept = fs::weakly_canonical(results), failures = directory / "r.failed.jsonl";
  const auto within = [](const std::vector<std::uint64_t>& ends, std::uint64_t size) {
    return static_cast<std::uint64_t>(std::upper_bound(ends.begin(), ends.end(), size) - ends.begin());
  };
  Written written({{kept, directory / "r.torn.jsonl"}, {failures, directory / "r.failed.torn.jsonl"}});
  for (const Killable::Said& said : job.log()) {
    if (said.subject == "call") written.heed(said.words);
    if (!said.words.has("succeeded")) continue;
    CHECK(within(ledger.result_ends(), written.safe(kept, machine)) >= said.words.number("succeeded"));
    CHECK(within(ledger.failure_ends(), written.safe(failures, machine)) >= said.words.number("failed"));
  }
  if (!machine || !job.report()) return;
  // What is skipped is as safe as what was written, and so are the names of the files.
  for (const fs::path& path : {kept, failures}) {
    INFO("whether it was synced: " << path);
    CHECK(written.safe(path, machine) == fs::file_size(path));
    CHECK(written.sync_tried(path.parent_path()));
  }
}

void check_failed_sync(const Killable& job) {
  bool failed = false;
  std::uint64_t told = 0;
  for (const Killable::Said& said : job.log()) {
    if (said.words.has("succeeded")) {
      const std::uint64_t now = said.words.number("succeeded") + said.words.number("failed");
      if (failed) CHECK(now == told);
      told = now;
    }
    if (said.subject != "call") continue;
    const std::string name = said.words.text("name");
    if (failed) CHECK((name != "sync" && name != "write"));
    // An interrupted one has reported nothing yet; and not every file system can sync a directory.
    const bool fails = name == "sync" && said.words.text("result") == "-1" && said.words.number("errno") != EINTR;
    failed = failed || (fails && !fs::is_directory(said.words.text("path")));
  }
  if (failed) CHECK(job.error());
}

}  // namespace pararun::testing
