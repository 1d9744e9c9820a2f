/// The readers under test against the reference: each function reads the same bytes both ways and returns what differs,
/// in words; nothing if all is well. Neither a fuzz target nor a test says more than that.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace pararun::testing {

/// `LineScanner` on one line. Of a line that it takes for an object, no beginning may be one.
std::string compare_scan(std::string_view line, const std::string& key_field = "id");

/// `Json::parse` on one text; what it reads, it must write so that it reads the same again.
std::string compare_parse(std::string_view text);

/// `load_ids` on a file of that content, in chunks from one byte on.
std::string compare_load(const std::filesystem::path& directory, std::string_view content);

/// `inspect` and `ResultsStore` on a results file of that content: looked at, opened, appended to, opened again. What
/// was in `directory` under the names used goes.
std::string compare_open(const std::filesystem::path& directory, std::string_view content);

/// The same for a failures file of that content beside an intact results file.
std::string compare_open_failures(const std::filesystem::path& directory, std::string_view content);

/// `lines` and `jsonl` on an input of that content.
std::string compare_sources(const std::filesystem::path& directory, std::string_view content);

/// An empty directory of one's own, in memory where the system has such a place. Its owner removes it.
std::filesystem::path make_scratch_directory();

}  // namespace pararun::testing
