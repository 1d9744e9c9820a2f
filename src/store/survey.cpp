#include "store/survey.hpp"

#include <span>
#include <string_view>
#include <utility>

#include "json/text.hpp"
#include "posix/file.hpp"
#include "store/load.hpp"
#include "store/recovery.hpp"
#include "store/scan.hpp"

namespace pararun::store {
namespace {

/// Counts the last line, which the loader leaves alone.
void add_unended_line(int fd, const Tail& tail, const std::filesystem::path& path, LineScanner& scanner,
                      const IdHasher& hasher, SeenSet& set, Recovery& recovery) {
  std::string line(static_cast<std::size_t>(tail.length), '\0');
  line.resize(posix::read_at(fd, tail.begin, line, path));
  const ScannedLine scanned = scanner.scan(json::without_byte_order_mark(line, tail.begin));
  if (scanned.kind == LineKind::id) {
    const IdHash hash = hasher({scanned.id_kind, scanned.id});
    ++recovery.lines;
    recovery.ids += set.load({&hash, 1});
  } else {
    ++recovery.foreign;
  }
}

}  // namespace

Recovery survey(int fd, const std::filesystem::path& path, const std::string& key_field, const IdHasher& hasher,
                SeenSet& set, unsigned threads) {
  LineScanner scanner(key_field);
  const Tail tail = examine_tail(fd, path, scanner);
  LoadResult loaded = load_ids(fd, tail.begin, key_field, hasher, set, threads, path);
  Recovery recovery;
  recovery.lines = loaded.lines;
  recovery.ids = loaded.fresh_ids;
  recovery.foreign = loaded.foreign;
  recovery.damaged = loaded.damaged;
  recovery.damage = std::move(loaded.damage);
  if (tail.kind == Tail::Kind::intact) {
    add_unended_line(fd, tail, path, scanner, hasher, set, recovery);
    recovery.newline_added = true;
  } else if (tail.kind == Tail::Kind::torn) {
    recovery.torn_bytes = tail.length;
    recovery.torn_path = torn_path(path);
  }
  recovery.duplicates = recovery.lines - recovery.ids;
  return recovery;
}

}  // namespace pararun::store
