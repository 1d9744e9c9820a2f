#include "bare_pipeline.hpp"

#include <fcntl.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <unordered_set>
#include <utility>

#include <rapidjson/writer.h>

namespace bench {
namespace {

/// RapidJSON's idea of an output stream, on a file.
class FileStream {
 public:
  using Ch = char;

  explicit FileStream(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), path);
  }
  ~FileStream() { ::close(fd_); }
  FileStream(const FileStream&) = delete;
  FileStream& operator=(const FileStream&) = delete;

  void Put(char c) {
    if (used_ == buffer_.size()) write();
    buffer_[used_++] = c;
  }
  void Flush() {}

  void write() {
    for (std::size_t done = 0; done < used_;) {
      const ssize_t written = ::write(fd_, buffer_.data() + done, used_ - done);
      if (written < 0) throw std::system_error(errno, std::generic_category(), "write");
      done += static_cast<std::size_t>(written);
    }
    used_ = 0;
  }

 private:
  int fd_;
  std::size_t used_ = 0;
  std::array<char, std::size_t{64} << 10> buffer_;
};

struct Done {
  std::string id;
  std::size_t result = 0;
};

}  // namespace

void run_bare_pipeline(std::uint64_t items, const BareSettings& settings, std::string (*id)(std::uint64_t),
                       std::size_t (*work)(const std::string&)) {
  FileStream stream(settings.path);
  rapidjson::Writer<FileStream> writer(stream);
  std::unordered_set<std::string> seen;
  std::uint64_t next = 0;

  const auto input = [&](tbb::flow_control& control) -> std::string {
    while (next < items) {
      std::string name = id(next++);
      if (!settings.checks_ids || seen.insert(name).second) return name;
    }
    control.stop();
    return {};
  };
  const auto call = [&](std::string name) {
    const std::size_t result = work(name);
    return Done{std::move(name), result};
  };
  const auto output = [&](const Done& done) {
    writer.Reset(stream);
    writer.StartObject();
    writer.Key("id", 2);
    writer.String(done.id.data(), static_cast<rapidjson::SizeType>(done.id.size()));
    writer.Key("result", 6);
    writer.Uint64(done.result);
    writer.EndObject();
    stream.Put('\n');
  };

  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, settings.n_workers);
  tbb::task_arena arena(static_cast<int>(settings.n_workers));
  arena.execute([&] {
    tbb::parallel_pipeline(settings.n_workers * 2,
                           tbb::make_filter<void, std::string>(tbb::filter_mode::serial_in_order, input) &
                               tbb::make_filter<std::string, Done>(tbb::filter_mode::parallel, call) &
                               tbb::make_filter<Done, void>(tbb::filter_mode::serial_out_of_order, output));
  });
  stream.write();
}

}  // namespace bench
