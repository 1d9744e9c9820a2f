#include "store/load.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/error.hpp>

#include "posix/file.hpp"
#include "store/scan.hpp"
#include "support/temp_dir.hpp"

using namespace pararun;
using namespace pararun::store;
using pararun::testing::TempDir;
using pararun::testing::write_file;

namespace {

std::atomic<int> threads_started{0};
std::atomic<int> threads_to_be_had{1000};
std::atomic<int> threads_that_hear_signals{0};

}  // namespace

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                              void* argument) {
  using Create = decltype(&pthread_create);
  static const auto real_create = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
  if (threads_started >= threads_to_be_had) return EAGAIN;
  ++threads_started;
  sigset_t inherited;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &inherited);
  if (sigismember(&inherited, SIGINT) == 0 || sigismember(&inherited, SIGUSR1) == 0) ++threads_that_hear_signals;
  return real_create(thread, attributes, body, argument);
}

namespace {

/// The file of a test, with what is loaded from it.
class Loaded {
 public:
  explicit Loaded(std::string_view content) : content_(content) {
    write_file(path, content);
    fd = posix::open_regular(path, O_RDWR);
  }

  LoadResult load(unsigned threads = 1, LoadLimits limits = {}) {
    return load_ids(fd.get(), content_.size(), "id", hasher, set, threads, path, limits);
  }

  bool holds(detail::IdKind kind, std::string_view text) const { return set.contains(hasher({kind, text})); }
  bool holds(std::string_view text) const { return holds(detail::IdKind::string, text); }

  TempDir directory;
  std::filesystem::path path = directory / "results.jsonl";
  posix::Fd fd;
  IdHasher hasher;
  SeenSet set;

 private:
  std::string content_;
};

/// The same in the simplest way.
LoadResult read_line_by_line(std::string_view content) {
  LoadResult result;
  LineScanner scanner("id");
  std::set<std::pair<detail::IdKind, std::string>> ids;
  std::size_t begin = content.starts_with("\xef\xbb\xbf") ? 3 : 0;
  for (std::size_t end; (end = content.find('\n', begin)) != std::string_view::npos; begin = end + 1) {
    const ScannedLine line = scanner.scan(content.substr(begin, end - begin));
    if (line.kind == LineKind::id) {
      ++result.lines;
      ids.emplace(line.id_kind, line.id);
    } else if (line.kind == LineKind::foreign) {
      ++result.foreign;
    } else if (line.kind == LineKind::damaged) {
      ++result.damaged;
      if (result.damage.size() < kMaxDamage) result.damage.push_back({begin, end - begin, line.problem});
    }
  }
  result.fresh_ids = ids.size();
  return result;
}

void check_equal(const LoadResult& result, const LoadResult& expected) {
  CHECK(result.lines == expected.lines);
  CHECK(result.fresh_ids == expected.fresh_ids);
  CHECK(result.foreign == expected.foreign);
  CHECK(result.damaged == expected.damaged);
  REQUIRE(result.damage.size() == expected.damage.size());
  for (std::size_t i = 0; i < result.damage.size(); ++i) {
    CHECK(result.damage[i].offset == expected.damage[i].offset);
    CHECK(result.damage[i].length == expected.damage[i].length);
    CHECK(result.damage[i].problem == expected.damage[i].problem);
  }
}

/// Lines of all kinds and lengths.
std::string mixed_lines(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::string content;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string id = std::to_string(random() % (count * 2 / 3 + 1));
    switch (random() % 12) {
      case 0:
        content += R"({"other":)" + id + "}";
        break;
      case 1:
        content += "\r";
        break;
      case 2:
        break;
      case 3:
        content += R"({"id":"torn)" + id;
        break;
      case 4:
        content += R"({"text":")" + std::string(random() % 300, 'x') + R"(","id":")" + id + R"("})";
        break;
      case 5:
        content += R"({"id":)" + id + "}\r";
        break;
      default:
        content += R"({"id":")" + id + R"("})";
    }
    content += '\n';
  }
  return content;
}

}  // namespace

TEST_CASE("the ids of all intact lines are loaded, strings and integers apart") {
  Loaded file("{\"id\":\"a\"}\n{\"id\":1}\r\n\n{\"v\":2}\n{\"id\":\"\\u0062\"}\n{\"id\":\"a\",\"v\":1}\n{\"id\":\"c\n");
  const LoadResult result = file.load();
  CHECK(result.lines == 4);
  CHECK(result.fresh_ids == 3);
  CHECK(result.foreign == 1);
  REQUIRE(result.damaged == 1);
  REQUIRE(result.damage.size() == 1);
  CHECK(result.damage[0].offset == 63);
  CHECK(result.damage[0].length == 8);
  CHECK(result.damage[0].problem == "it ends too early");
  CHECK(file.holds("a"));
  CHECK(file.holds("b"));
  CHECK(file.holds(detail::IdKind::integer, "1"));
  CHECK_FALSE(file.holds("1"));
  CHECK_FALSE(file.holds("c"));
  CHECK(file.set.size() == 3);
}

TEST_CASE("loading takes the ids as those of an earlier run") {
  Loaded file("{\"id\":\"a\"}\n");
  file.load();
  const IdHash hashes[] = {file.hasher({detail::IdKind::string, "a"})};
  SeenSet::Found found[1];
  file.set.insert(hashes, found);
  CHECK(found[0] == SeenSet::Found::earlier_run);
}

TEST_CASE("an empty file holds nothing") {
  Loaded file("");
  check_equal(file.load(4), {});
  CHECK(file.set.size() == 0);
}

TEST_CASE("what follows the last newline is left alone") {
  const std::size_t chunk = GENERATE(1U, 4U, 4096U);
  for (const char* tail : {"{\"id\":\"b\"}", "{\"id\":", "x", ""}) {
    Loaded file(std::string("{\"id\":\"a\"}\n") + tail);
    const LoadResult result = file.load(2, {.chunk_bytes = chunk});
    CHECK(result.lines == 1);
    CHECK(result.damaged == 0);
    CHECK(file.set.size() == 1);
  }
  Loaded file("{\"id\":\"b\"}");
  check_equal(file.load(2, {.chunk_bytes = chunk}), {});
}

TEST_CASE("a byte-order mark is skipped at the very beginning only") {
  const std::size_t chunk = GENERATE(1U, 2U, 3U, 4U, 4096U);
  Loaded file("\xef\xbb\xbf{\"id\":\"a\"}\n\xef\xbb\xbf{\"id\":\"b\"}\n");
  const LoadResult result = file.load(1, {.chunk_bytes = chunk});
  CHECK(result.lines == 1);
  CHECK(file.holds("a"));
  REQUIRE(result.damage.size() == 1);
  CHECK(result.damage[0].offset == 14);
  CHECK(result.damage[0].length == 13);

  Loaded damaged("\xef\xbb\xbfx\n");
  const LoadResult behind_it = damaged.load(1, {.chunk_bytes = chunk});
  REQUIRE(behind_it.damage.size() == 1);
  CHECK(behind_it.damage[0].offset == 3);
  CHECK(behind_it.damage[0].length == 1);
}

TEST_CASE("what is found depends neither on the number of threads nor on where chunks end") {
  const unsigned threads = GENERATE(0U, 1U, 2U, 3U, 8U);
  const std::size_t chunk = GENERATE(1U, 2U, 3U, 7U, 16U, 61U, 500U, 4096U, 1U << 20);
  const std::string content = mixed_lines(1500, 7);
  Loaded file(content);
  check_equal(file.load(threads, {.chunk_bytes = chunk}), read_line_by_line(content));
}

TEST_CASE("every line of a large file is found once by threads that take turns") {
  constexpr int kLines = 120'000;
  std::string content;
  for (int i = 0; i < kLines; ++i) content += R"({"id":"item-)" + std::to_string(i) + "\"}\n";
  Loaded file(content);
  const LoadResult result = file.load(4);
  CHECK(result.lines == kLines);
  CHECK(result.fresh_ids == kLines);
  for (int i = 0; i < kLines; i += 7) REQUIRE(file.holds("item-" + std::to_string(i)));
}

TEST_CASE("lines may be far longer than what is read at once") {
  const unsigned threads = GENERATE(1U, 3U);
  std::string content;
  for (int i = 0; i < 20; ++i) {
    content += R"({"text":")" + std::string(static_cast<std::size_t>(i) * 5000, 'x') + R"(","id":)" +
               std::to_string(i) + "}\n";
    if (i % 3 == 0) content += "\n{\"id\":\"short\"}\n" + std::string(9000, '?') + "\n";
  }
  Loaded file(content);
  check_equal(file.load(threads, {.chunk_bytes = 1000}), read_line_by_line(content));
  CHECK(file.holds(detail::IdKind::integer, "19"));
}

TEST_CASE("a line beyond all measure is damage, and those around it are read") {
  const std::string line = R"({"id":"a","text":")" + std::string(5000, 'x') + "\"}";
  Loaded file("{\"id\":1}\n" + line + "\n{\"id\":2}\n");
  const LoadResult result = file.load(2, {.chunk_bytes = 100, .longest_line = line.size() - 1});
  CHECK(result.lines == 2);
  REQUIRE(result.damage.size() == 1);
  CHECK(result.damage[0].offset == 9);
  CHECK(result.damage[0].length == line.size());
  CHECK(file.load(2, {.chunk_bytes = 100, .longest_line = line.size()}).lines == 3);
}

TEST_CASE("the first hundred damaged lines are reported, in order") {
  std::string content;
  for (int i = 0; i < 250; ++i) content += "{\"id\":" + std::to_string(i) + "}\ndamage\n";
  Loaded file(content);
  const LoadResult result = file.load(4, {.chunk_bytes = 64});
  CHECK(result.damaged == 250);
  REQUIRE(result.damage.size() == kMaxDamage);
  check_equal(result, read_line_by_line(content));
}

TEST_CASE("fewer threads do the same work when no more are to be had") {
  const int to_be_had = GENERATE(0, 1);
  const std::string content = mixed_lines(3000, 8);
  Loaded file(content);
  threads_started = 0;
  threads_to_be_had = to_be_had;
  const LoadResult result = file.load(6, {.chunk_bytes = 256});
  threads_to_be_had = 1000;
  CHECK(threads_started == to_be_had);
  check_equal(result, read_line_by_line(content));
}

TEST_CASE("threads that help block all signals, and the caller does not") {
  threads_started = threads_that_hear_signals = 0;
  SeenSet set;
  SECTION("to load") {
    Loaded file(std::string(1 << 20, '\n'));
    file.load(3);
  }
  SECTION("to make room") { set.reserve(1'000'000, 3); }
  CHECK(threads_started == 2);
  CHECK(threads_that_hear_signals == 0);
  sigset_t mine;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mine);
  CHECK(sigismember(&mine, SIGINT) == 0);
}

TEST_CASE("a small file is read by the caller alone") {
  Loaded file("{\"id\":\"a\"}\n");
  threads_started = 0;
  CHECK(file.load(8).lines == 1);
  CHECK(threads_started == 0);
}

TEST_CASE("a file that cannot be read is an error that names it") {
  const unsigned threads = GENERATE(1U, 3U);
  Loaded file(mixed_lines(500, 9));
  const posix::Fd write_only = posix::open_regular(file.path, O_WRONLY);
  try {
    load_ids(write_only.get(), 10'000, "id", file.hasher, file.set, threads, file.path, {.chunk_bytes = 256});
    FAIL("nothing was thrown");
  } catch (const StoreError& error) {
    CHECK(error.error_number() == EBADF);
    CHECK(error.path() == file.path);
  }
  CHECK_THROWS_AS(end_of_last_line(write_only.get(), 100, file.path), StoreError);
}

TEST_CASE("a file that has shrunk is an error") {
  const unsigned threads = GENERATE(1U, 3U);
  const std::string content = mixed_lines(500, 10);
  Loaded file(content);
  REQUIRE(::ftruncate(file.fd.get(), static_cast<off_t>(content.size() - 1)) == 0);
  CHECK_THROWS_AS(file.load(threads, {.chunk_bytes = 256}), StoreError);
  CHECK_THROWS_AS(file.load(threads), StoreError);
  CHECK_THROWS_AS(end_of_last_line(file.fd.get(), content.size(), file.path), StoreError);
}

TEST_CASE("the end of the last line is found, however far it is from the end of the file") {
  const std::size_t chunk = GENERATE(1U, 2U, 3U, 10U, 4096U);
  const auto end_of = [&](std::string_view content) {
    Loaded file(content);
    return end_of_last_line(file.fd.get(), content.size(), file.path, {.chunk_bytes = chunk});
  };
  CHECK(end_of("") == 0);
  CHECK(end_of("a") == 0);
  CHECK(end_of("0123456789abcdef") == 0);
  CHECK(end_of("\n") == 1);
  CHECK(end_of("a\n") == 2);
  CHECK(end_of("a\nb") == 2);
  CHECK(end_of("\nb") == 1);
  CHECK(end_of("a\n\n") == 3);
  CHECK(end_of("a\nb\n" + std::string(25, 'c')) == 4);
}
