/// What the jobs of the crash tests work on, known to the program that runs them and to the tests that judge it:
/// which ids there are, what becomes of each, and the lines that it leaves.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pararun::testing {

/// Steele, Lea and Flood's SplitMix64.
inline std::uint64_t mixed(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// Some need escapes, some are no ASCII.
inline std::string item_id(std::uint64_t index) {
  std::string id = "item-" + std::to_string(index);
  if (index % 9 == 4) id += " \"\\\n\t\x01 \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80";
  return id;
}

/// The item that this is the id of, if any.
inline std::optional<std::uint64_t> item_index(std::string_view id) {
  constexpr std::string_view kPrefix = "item-";
  std::uint64_t index = 0;
  if (!id.starts_with(kPrefix)) return std::nullopt;
  const auto parsed = std::from_chars(id.data() + kPrefix.size(), id.data() + id.size(), index);
  if (parsed.ec != std::errc{} || item_id(index) != id) return std::nullopt;
  return index;
}

/// Fails whenever it is tried.
inline bool fails_always(std::uint64_t index) { return index % 97 == 13; }

/// Fails in some runs; in none with the number 0.
inline bool fails_in_run(std::uint64_t index, std::uint64_t run) {
  return index % 31 == 5 && run != 0 && mixed(index ^ run << 32) % 2 == 0;
}

/// How many attempts of one run it takes.
inline unsigned attempts_needed(std::uint64_t index) { return index % 23 == 3 ? 2 : 1; }

/// Whether a run with so many retries gives it up.
inline bool given_up(std::uint64_t index, std::uint64_t run, unsigned retries) {
  return fails_always(index) || fails_in_run(index, run) || attempts_needed(index) > retries + 1;
}

/// The items of a job stand in order of their index, but every eleventh is one that was there already.
inline std::uint64_t items_in_input(std::uint64_t items) { return items + (items - 1) / 10; }
inline std::uint64_t index_at(std::uint64_t position) {
  const std::uint64_t before = position - position / 11;
  return position % 11 == 10 ? mixed(position) % before : before;
}

/// Bytes that the result of an item carries; one in `large_every` is large.
inline std::size_t text_length(std::uint64_t index, std::uint64_t large_every) {
  const std::uint64_t random = mixed(index ^ 0x7465787400000000);
  if (large_every != 0 && random % large_every == 0) return 5'000 + random / 7 % 200'000;
  return random % 100;
}

/// No two parts of it can be taken for each other, as far as files have blocks.
inline std::string text_of(std::uint64_t index, std::uint64_t large_every) {
  std::string text(text_length(index, large_every), '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + (index + i) % 26);
  return text;
}

/// Whether its result is its index alone, rather than an object of the index and a text.
inline bool gives_number(std::uint64_t index) { return index % 5 == 2; }

/// As JSON, with nothing of the library's.
inline std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += std::string("\\") + c;
    } else if (c == '\n' || c == '\t') {
      out += c == '\n' ? "\\n" : "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += std::string("\\u000") + "0123456789abcdef"[c & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

inline std::string result_line(std::uint64_t index, std::uint64_t large_every = 0) {
  const std::string opening = "{\"id\":" + json_string(item_id(index)), number = std::to_string(index);
  if (gives_number(index)) return opening + ",\"result\":" + number + "}\n";
  return opening + ",\"index\":" + number + ",\"text\":" + json_string(text_of(index, large_every)) + "}\n";
}

/// What the job's function throws, as it is recorded.
inline std::string error_of(std::uint64_t index, std::uint64_t run) {
  if (fails_always(index)) return R"({"kind":"exception","type":"std::runtime_error","message":"always"})";
  if (!fails_in_run(index, run)) return R"({"kind":"exception","type":"unsigned int","message":""})";
  return R"({"kind":"exception","type":"pararun::ItemFailure","message":"in this run","details":{"run":)" +
         std::to_string(run) + "}}";
}

/// The line of an item that a run with so many retries gives up, without what only a clock can tell.
inline std::string failure_beginning(std::uint64_t index, std::uint64_t run, unsigned retries) {
  return "{\"id\":" + json_string(item_id(index)) + ",\"error\":" + error_of(index, run) +
         ",\"attempts\":" + std::to_string(retries + 1) + ",\"seconds\":";
}

inline std::string failure_line(std::uint64_t index, std::uint64_t run = 0, unsigned retries = 0) {
  return failure_beginning(index, run, retries) + "0.012,\"at\":\"2026-03-01T12:00:00.123Z\"}\n";
}

}  // namespace pararun::testing
