/// What the scanner makes of a line that ends where readable memory does.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include <catch2/catch.hpp>

#include "store/scan.hpp"

namespace pararun::testing {

using detail::IdKind;
using store::LineKind;
using store::LineScanner;
using store::ScannedLine;

/// Memory that nothing can be read behind.
class Edge {
 public:
  explicit Edge(std::size_t capacity) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t readable = (capacity + page - 1) / page * page;
    size_ = readable + page;
    memory_ = static_cast<char*>(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(memory_ != MAP_FAILED);
    end_ = memory_ + readable;
    REQUIRE(::mprotect(end_, page, PROT_NONE) == 0);
  }
  ~Edge() { ::munmap(memory_, size_); }
  Edge(const Edge&) = delete;
  Edge& operator=(const Edge&) = delete;

  /// A copy that ends at the edge, until the next one.
  std::string_view place(std::string_view text) {
    std::memcpy(end_ - text.size(), text.data(), text.size());
    return {end_ - text.size(), text.size()};
  }

 private:
  char* memory_;
  char* end_;
  std::size_t size_;
};

/// What a line says, without pointers into it.
struct Line {
  LineKind kind = LineKind::damaged;
  IdKind id_kind = IdKind::string;
  std::string id;

  friend bool operator==(const Line&, const Line&) = default;
};

inline std::ostream& operator<<(std::ostream& out, const Line& line) {
  constexpr const char* kNames[] = {"id", "foreign", "blank", "damaged"};
  out << kNames[static_cast<int>(line.kind)];
  if (line.kind == LineKind::id) out << (line.id_kind == IdKind::string ? " string " : " integer ") << line.id;
  return out;
}

inline Line string_id(std::string id) { return {LineKind::id, IdKind::string, std::move(id)}; }
inline Line integer_id(std::string id) { return {LineKind::id, IdKind::integer, std::move(id)}; }
inline const Line kForeign{LineKind::foreign, IdKind::string, {}};
inline const Line kBlank{LineKind::blank, IdKind::string, {}};
inline const Line kDamaged{LineKind::damaged, IdKind::string, {}};

inline Line scan_with(LineScanner& scanner, std::string_view text) {
  const ScannedLine line = scanner.scan(text);
  CHECK((line.problem != nullptr) == (line.kind == LineKind::damaged));
  if (line.kind != LineKind::id) return {line.kind, IdKind::string, {}};
  return {line.kind, line.id_kind, std::string(line.id)};
}

inline Line scan(std::string_view text, const std::string& key_field = "id") {
  LineScanner scanner(key_field);
  Edge edge(text.size());
  return scan_with(scanner, edge.place(text));
}

}  // namespace pararun::testing
