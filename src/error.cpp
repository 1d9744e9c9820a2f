/// The messages of the library's exceptions. Each names the file first, as compilers do, and says what is wrong.
#include <pararun/error.hpp>

#include <system_error>
#include <utility>

namespace pararun {
namespace {

std::string locked_message(const std::filesystem::path& path, std::int64_t holder) {
  std::string message = path.string() + ": another run is writing to it";
  if (holder != 0) message += " (process " + std::to_string(holder) + ")";
  return message;
}

std::string store_message(const std::string& problem, const std::filesystem::path& path, int error_number) {
  std::string message = path.string() + ": " + problem;
  if (error_number != 0) message += ": " + std::generic_category().message(error_number);
  return message;
}

}  // namespace

CacheLocked::CacheLocked(std::filesystem::path path, std::int64_t holder)
    : Error(locked_message(path, holder)), path_(std::move(path)), holder_(holder) {}

CacheDamaged::CacheDamaged(std::filesystem::path path, std::uint64_t offset, const std::string& problem)
    : Error(path.string() + ": damaged line at byte " + std::to_string(offset) + ": " + problem),
      path_(std::move(path)),
      offset_(offset) {}

StoreError::StoreError(const std::string& problem, std::filesystem::path path, int error_number)
    : Error(store_message(problem, path, error_number)), path_(std::move(path)), error_number_(error_number) {}

}  // namespace pararun
