/// Every system call of a job on its files is made its last, or made to fail, one after the other.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "crash/killable.hpp"
#include "crash/ledger.hpp"
#include "crash/promises.hpp"
#include "crash/scenarios.hpp"
#include "support/tally.hpp"
#include "support/temp_dir.hpp"

using namespace pararun::testing;

namespace {

namespace fs = std::filesystem;

struct Fault {
  std::string plan;    ///< for the preloaded library; empty: none
  bool reads = false;  ///< whether calls that change nothing count

  bool kills() const { return plan.starts_with("die"); }
};

std::vector<std::string> environment_for(const Fault& fault, const fs::path& directory, long room) {
  const char* sanitizer = std::getenv("ASAN_OPTIONS");
  std::vector<std::string> variables{
      "LD_PRELOAD=" PARARUN_FAULTY_CALLS, "PARARUN_FAULT_DIRECTORY=" + directory.string(),
      "PARARUN_FAULT=" + fault.plan,
      // The library has no part in what AddressSanitizer looks after.
      "ASAN_OPTIONS=" + (sanitizer != nullptr ? std::string(sanitizer) + ":" : "") + "verify_asan_link_order=0"};
  if (room >= 0) variables.push_back("PARARUN_FAULT_ROOM=" + std::to_string(room));
  if (fault.reads) variables.emplace_back("PARARUN_FAULT_READS=1");
  return variables;
}

std::string tail_of(const fs::path& path) {
  const std::string content = read_file(path);
  return content.substr(content.rfind('\n') + 1);
}

/// What its files end with, by their names.
std::map<std::string, std::string> tails_in(const fs::path& directory) {
  std::map<std::string, std::string> tails;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) tails[entry.path().string()] = tail_of(entry.path());
  }
  return tails;
}

/// Whether a job must take this without a word: what is interrupted is done again, and a full disk is waited for, but
/// not in a repair.
bool must_go_on(const Arguments& call, const Fault& fault, const std::map<std::string, std::string>& tails_before) {
  if (call.text("result") != "-1" || !fault.plan.ends_with("once")) return false;
  const std::string name = call.text("name");
  const auto given = call.number("errno");
  if (given == EINTR) return name != "stat" && name != "dup";
  const bool repairs =
      std::any_of(tails_before.begin(), tails_before.end(), [](const auto& tail) { return !tail.second.empty(); });
  return name == "write" && (given == ENOSPC || given == EDQUOT) && !repairs;
}

/// The first call that was made to fail, or else the one that was the last or was made short.
const Arguments* first_fault(const Killable& job) {
  const Arguments* fault = nullptr;
  for (const Killable::Said& said : job.log()) {
    if (said.subject != "call" || said.words.number("fault") == 0) continue;
    if (said.words.text("result") == "-1") return &said.words;
    fault = &said.words;
  }
  return fault;
}

/// The files that could not be cut off where they were repaired, since they may only grow. Nothing is cut off earlier.
std::vector<fs::path> refused_repairs(const Killable& job) {
  std::set<fs::path> cut;
  std::vector<fs::path> refused;
  for (const Killable::Said& said : job.log()) {
    if (said.subject != "call" || said.words.text("name") != "truncate") continue;
    const fs::path path = said.words.text("path");
    if (cut.insert(path).second && said.words.number("errno") == EPERM) refused.push_back(path);
  }
  return refused;
}

/// A job that failed says on which file and why, in the words of the system.
void check_error(const Killable& job, const Scenario& scenario, const fs::path& results) {
  REQUIRE(job.error());
  const Arguments& error = *job.error();
  const fs::path path = error.text("path");
  const int number = static_cast<int>(error.number("errno"));
  const auto is_of = [&](const Killable::Said& said) {
    const Arguments& call = said.words;
    if (said.subject != "call" || call.number("fault") == 0 || call.text("result") != "-1") return false;
    const auto given = call.number("errno");
    if (error.text("kind") == "locked") return call.text("name") == "lock" && (given == EAGAIN || given == EACCES);
    // A file that cannot be examined may be one that is gone.
    if (number == 0) return call.text("name") == "stat";
    return given == error.number("errno") && fs::weakly_canonical(call.text("path")) == fs::weakly_canonical(path);
  };
  INFO("the error: " << error.text("what"));
  const bool full = scenario.room >= 0 && number == ENOSPC;
  CHECK((full || std::any_of(job.log().begin(), job.log().end(), is_of)));
  if (error.text("kind") == "locked") return;
  CHECK(error.text("kind") == "store");
  CHECK(path.string().starts_with(results.parent_path().string()));
  CHECK(error.text("what").find(path.string()) != std::string::npos);
  if (number != 0) CHECK(error.text("what").find(std::strerror(number)) != std::string::npos);
}

/// Names of the calls that a run makes, in order.
std::vector<std::string> calls_of(const Killable& job) {
  std::vector<std::string> names;
  for (const Killable::Said& said : job.log()) {
    if (said.subject == "call") names.push_back(said.words.text("name"));
  }
  return names;
}

struct Tried {
  bool happened = false;           ///< the last fault
  std::vector<std::string> calls;  ///< that its run made
};

/// Runs with a fault, then once more without one.
Tried try_fault(const Scenario& scenario, const std::vector<Fault>& faults) {
  const TempDir dir;
  const fs::path results = dir / "r.jsonl";
  scenario.prepare(results);
  Ledger ledger(results, scenario.items);
  ledger.start_over();
  INFO("scenario: " << scenario.name);
  Tried tried;
  for (const Fault& fault : faults) {
    INFO("fault: " << fault.plan);
    ledger.before_run();
    const auto tails = tails_in(dir.path());
    Killable job(results, scenario.arguments, environment_for(fault, dir.path(), scenario.room));
    job.wait();
    const Arguments* happened = first_fault(job);
    tried = {.happened = happened != nullptr, .calls = calls_of(job)};
    const bool may_only_grow = ledger.tails_stay(refused_repairs(job));
    ledger.after_run(job);
    check_promises(job, ledger, results, scenario.machine);
    if (fault.kills() && happened != nullptr) {
      CHECK(job.was_killed());
      continue;
    }
    CHECK(job.status() >= 0);
    if (!job.report()) check_error(job, scenario, results);
    check_failed_sync(job);
    if (happened == nullptr || fault.plan.ends_with("all")) continue;
    if (scenario.room < 0 && (may_only_grow || must_go_on(*happened, fault, tails))) CHECK(job.report());
    if (happened->text("name") == "truncate" || happened->text("name") == "stat") continue;
    // No part of a line stays, but for one that was there.
    for (const auto& [path, tail] : tails_in(dir.path())) {
      INFO("the end of " << path);
      CHECK((tail.empty() || (tails.contains(path) && tails.at(path) == tail)));
    }
  }

  INFO("the run that follows");
  ledger.before_run();
  Killable last(results, {"engine=store", "retries=1", "items=" + std::to_string(scenario.items),
                          "large_every=" + Arguments(scenario.arguments).text("large_every", "0")});
  last.wait();
  REQUIRE(last.report());
  ledger.after_run(last);
  ledger.require_complete();
  return tried;
}

std::vector<std::string> ways_to_die(const std::string& call) {
  if (call == "write") return {"before", "first", "half", "last", "after"};
  return {"before", "after"};
}

/// The faults of call number `k`, which is of this name.
std::vector<std::string> ways_to_fail(const std::string& call, int k, bool by_map) {
  // What their manual pages name, and what file systems give beyond that.
  static const std::map<std::string, std::vector<int>> kErrors{
      {"open", {EACCES, EBADF, EBUSY,  EDQUOT,       EEXIST,  EFAULT,     EFBIG,  EINTR,    EINVAL, EIO,
                EISDIR, ELOOP, EMFILE, ENAMETOOLONG, ENFILE,  ENODEV,     ENOENT, ENOMEM,   ENOSPC, ENOTDIR,
                ENXIO,  EPERM, EROFS,  ESTALE,       ETXTBSY, EOPNOTSUPP, EAGAIN, EOVERFLOW}},
      {"write",
       {EAGAIN, EBADF, EDESTADDRREQ, EDQUOT, EFAULT, EFBIG, EINTR, EINVAL, EIO, ENOMEM, ENOSPC, ENXIO, EPERM, EPIPE,
        EROFS, ESTALE}},
      {"sync", {EBADF, EDQUOT, EINTR, EINVAL, EIO, ENOSPC, EOPNOTSUPP, EROFS, ESTALE}},
      {"truncate", {EACCES, EBADF, EFBIG, EINTR, EINVAL, EIO, EISDIR, ENOSPC, EPERM, EROFS, ESTALE, ETXTBSY}},
      {"lock", {EACCES, EAGAIN, EBADF, EDEADLK, EFAULT, EINTR, EINVAL, EIO, ENOLCK, ENOSYS, EOPNOTSUPP, EPERM}},
      {"dup", {EBADF, EINVAL, EMFILE}},
      {"read", {EBADF, EINTR, EINVAL, EIO, EISDIR, ENOMEM, ESTALE}},
      {"stat", {EACCES, EIO, ELOOP, ENOENT, ENOMEM, EOVERFLOW, ESTALE}}};
  const std::string at = " " + std::to_string(k) + " ";
  std::vector<std::string> plans;
  for (const int error : kErrors.at(call)) {
    plans.push_back("fail" + at + std::to_string(error) + " once");
    // What is interrupted is tried again, and a job waits a long time for room.
    const bool waits = error == EINTR || (by_map && call == "write" && (error == ENOSPC || error == EDQUOT));
    if (!waits) plans.push_back("fail" + at + std::to_string(error) + " same");
  }
  plans.push_back("fail" + at + std::to_string(EIO) + " all");
  if (call == "write") {
    for (const int error : {EDQUOT, EFBIG, EIO, ENOSPC}) {
      plans.push_back("part" + at + std::to_string(error) + " once");
      if (!by_map || error == EIO) plans.push_back("part" + at + std::to_string(error) + " same");
    }
  }
  return plans;
}

std::vector<std::string> deaths_of(const std::vector<std::string>& calls) {
  std::vector<std::string> plans;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    for (const std::string& how : ways_to_die(calls[i])) plans.push_back("die " + std::to_string(i + 1) + " " + how);
  }
  return plans;
}

/// Takes so many of them, or all.
template <class T>
void sample(std::vector<T>& all, std::size_t most, std::mt19937_64& random) {
  std::shuffle(all.begin(), all.end(), random);
  if (all.size() > most) all.resize(most);
}

constexpr std::size_t kAll = SIZE_MAX;

Tried try_fault(const Scenario& scenario, const std::vector<Fault>& faults, Tally& tally) {
  tally.begin();
  Tried tried = try_fault(scenario, faults);
  tried.happened ? tally.end() : tally.call_off();
  return tried;
}

/// Dies at each of its calls, in each way; with `most`, only at some.
void die_everywhere(std::size_t most) {
  std::mt19937_64 random(Catch::rngSeed());
  Tally deaths("a death at a system call");
  for (const Scenario& scenario : all_scenarios()) {
    const Tried whole = try_fault(scenario, {Fault{}});
    CHECK_FALSE(whole.happened);
    std::vector<std::string> plans = deaths_of(whole.calls);
    sample(plans, most, random);
    for (const std::string& plan : plans) try_fault(scenario, {{plan}}, deaths);
    // How many calls there are differs a little from run to run.
    for (std::size_t k = whole.calls.size() + 1; most == kAll; ++k) {
      if (!try_fault(scenario, {{"die " + std::to_string(k) + " before"}}, deaths).happened) break;
    }
  }
}

/// Dies again and again while it repairs what its death left behind.
void die_while_repairing(std::size_t most) {
  std::mt19937_64 random(Catch::rngSeed());
  Tally deaths("three deaths in a row, each during the repair of the last");
  for (const Scenario& scenario : all_scenarios()) {
    const std::vector<std::string> plans = deaths_of(try_fault(scenario, {Fault{}}).calls);
    for (std::size_t i = 0; i < most; ++i) {
      std::vector<Fault> faults;
      for (int deaths_in_a_row = 0; deaths_in_a_row < 3; ++deaths_in_a_row)
        faults.push_back({plans[random() % plans.size()]});
      try_fault(scenario, faults, deaths);
    }
  }
}

/// As a person knows them.
const std::map<std::string, std::string> kNames{{"open", "open"},          {"write", "write"}, {"sync", "fdatasync"},
                                                {"truncate", "ftruncate"}, {"lock", "fcntl"},  {"dup", "fcntl"},
                                                {"read", "pread"},         {"stat", "stat"}};

void fail_everywhere(std::size_t most) {
  std::mt19937_64 random(Catch::rngSeed());
  std::map<std::string, Tally> tallies;
  for (const auto& [call, name] : kNames) tallies.try_emplace(name, "an error of " + name);
  for (const Scenario& scenario : all_scenarios()) {
    const std::vector<std::string> calls = try_fault(scenario, {{"", true}}).calls;
    std::vector<std::pair<std::string, std::string>> plans;  // and the call's name
    for (std::size_t i = 0; i < calls.size(); ++i) {
      std::vector<std::string> of_call = ways_to_fail(calls[i], static_cast<int>(i + 1), scenario.by_map);
      // Nothing else hangs on these calls than whether they have failed.
      if (calls[i] == "stat" || calls[i] == "read") sample(of_call, 2, random);
      for (const std::string& plan : of_call) plans.emplace_back(plan, kNames.at(calls[i]));
    }
    sample(plans, most, random);
    for (const auto& [plan, name] : plans) try_fault(scenario, {{plan, true}}, tallies.at(name));
  }
}

}  // namespace

TEST_CASE("a job that dies at any of its system calls loses nothing") { die_everywhere(20); }

TEST_CASE("a job that dies over and over at any of its system calls loses nothing") { die_while_repairing(4); }

TEST_CASE("a job whose system calls fail says which, and goes on when they do not") { fail_everywhere(20); }

TEST_CASE("a job that dies at every single one of its system calls loses nothing", "[long]") { die_everywhere(kAll); }

TEST_CASE("a job that dies a hundred times over at any of its system calls loses nothing", "[long]") {
  die_while_repairing(30);
}

TEST_CASE("a job of which every single system call fails in every way says which", "[long]") { fail_everywhere(kAll); }
