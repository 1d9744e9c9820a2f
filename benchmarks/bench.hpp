/// What the benchmarks share. A case measures one promise of the library and gives the rows of the table that tell of
/// it. What it measures it splits into parts: a part runs in a process of its own, so that neither memory nor oneTBB's
/// threads outlive it, and pararun and its peers take turns as parts, so that what else the machine does meets both.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pararun/json.hpp>

namespace bench {

namespace pr = pararun;

struct Settings {
  bool toy = false;                 ///< everything small: whether it runs, not how fast
  unsigned repetitions = 5;         ///< of each measurement; medians are told
  std::filesystem::path directory;  ///< for the files that are written, on the file system to be measured

  std::uint64_t items(std::uint64_t full, std::uint64_t at_toy_size) const { return toy ? at_toy_size : full; }
};

/// The limit for a row's value.
struct Budget {
  enum class Kind { at_most, at_least };

  Kind kind = Kind::at_most;
  double limit = 0;
  std::string unit{};  ///< empty for a ratio

  bool met(double value) const { return kind == Kind::at_most ? value <= limit : value >= limit; }
};

/// A line of the table.
struct Row {
  std::string what;
  std::string ours;                ///< with its unit
  std::string peer{};              ///< who it is and what it took; empty: there is none
  std::optional<double> ratio{};   ///< of ours to the peer's
  std::optional<Budget> budget{};  ///< for `value`
  double value = 0;
  pr::Json samples{};  ///< all that was measured
};

using Part = pr::Json (*)(const pr::Json& arguments);

struct NamedPart {
  std::string_view name;
  Part run;
};

struct Case {
  std::string_view name;
  std::vector<NamedPart> parts;
  std::vector<Row> (*run)(const Settings& settings);
};

const Case& overhead_case();
const Case& efficiency_case();
const Case& resume_case();
const Case& memory_case();
const Case& processes_case();
const Case& others_case();

/// Runs a part in a process of its own and returns its answer, with `peak_bytes`, the most memory that it ever held.
/// Throws `std::runtime_error` if it fails.
pr::Json measure(std::string_view part, const pr::Json& arguments);

/// Runs a program and returns what it prints, or nothing if it is missing or fails.
std::optional<std::string> output_of(const std::vector<std::string>& command);

/// The other side of `measure`.
void answer(Part part, const std::string& arguments);

/// Wall and processor time of this process since it was made.
class Stopwatch {
 public:
  Stopwatch();

  /// `seconds`, `user_seconds` and `system_seconds`.
  pr::Json times() const;
  double seconds() const;

 private:
  std::chrono::steady_clock::time_point start_;
  double user_, system_;
};

/// A results file of pararun or of a peer, deleted with what lies beside it before and after its use.
class FreshFile {
 public:
  explicit FreshFile(std::filesystem::path path) : path_(std::move(path)) { remove(); }
  ~FreshFile() { remove(); }
  FreshFile(const FreshFile&) = delete;
  FreshFile& operator=(const FreshFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string string() const { return path_.string(); }

 private:
  void remove() noexcept;

  std::filesystem::path path_;
};

double median(std::vector<double> values);

/// Of a member of all samples.
double median(const pr::Json& samples, std::string_view member);

/// The median of what `a` took as a part of what `b` took, each in the same repetition.
double median_ratio(const pr::Json& a, const pr::Json& b, std::string_view member);

/// With so many digits behind the point.
std::string number(double value, int digits = 0);

/// `1 M`, `10 M`, `500 k`.
std::string count(std::uint64_t items);

/// `data_<n>.txt`: the id of the n-th item, for pararun and its peers alike.
std::string file_name(std::uint64_t n);

}  // namespace bench
