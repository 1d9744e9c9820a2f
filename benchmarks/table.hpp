/// The results, for a person and for programs.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <span>
#include <vector>

#include "bench.hpp"

namespace bench {

struct CaseResult {
  std::string_view name;
  std::vector<Row> rows;
};

/// The machine, the compiler and the file system that the figures are of.
pr::Json describe_machine(const Settings& settings);

/// One table of all rows. Budgets are not judged at toy size.
void print_table(std::ostream& out, const pr::Json& machine, std::span<const CaseResult> results, bool judge);

/// Everything, all samples included.
void write_results(const std::filesystem::path& path, const pr::Json& machine, std::span<const CaseResult> results,
                   bool judge);

/// Whether no row misses its budget.
bool all_met(std::span<const CaseResult> results);

}  // namespace bench
