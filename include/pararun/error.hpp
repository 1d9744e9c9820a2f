/// Every exception that pararun throws of its own accord. All derive from `Error`, so a program that
/// treats them alike catches that one. An exception of the user's own function is never among them:
/// a failed item is data (a line of the failures file), not an exception.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace pararun {

/// Base of all errors of this library. After any of them every result that was counted as done is in
/// the results file.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A field of `Options`, or the combination of function, items and options, makes no sense.
/// Thrown before any item is pulled.
class OptionsError : public Error {
 public:
  /// `field` is the name of the offending member of `Options`; `problem` says what is wrong with it.
  OptionsError(std::string field, const std::string& problem)
      : Error("options: " + field + ": " + problem), field_(std::move(field)) {}

  const std::string& field() const noexcept { return field_; }

 private:
  std::string field_;
};

/// Another run, in this process or another, holds the results file. Thrown at once, nothing is waited for.
class CacheLocked : public Error {
 public:
  /// `holder` is the process id of the other run, or 0 where it could not be found.
  CacheLocked(std::filesystem::path path, std::int64_t holder);

  const std::filesystem::path& path() const noexcept { return path_; }
  std::int64_t holder() const noexcept { return holder_; }

 private:
  std::filesystem::path path_;
  std::int64_t holder_;
};

/// `Options::strict` is set and the results file has a damaged line. The file is left as it is.
class CacheDamaged : public Error {
 public:
  /// `offset` is the byte at which the first damaged line begins.
  CacheDamaged(std::filesystem::path path, std::uint64_t offset, const std::string& problem);

  const std::filesystem::path& path() const noexcept { return path_; }
  std::uint64_t offset() const noexcept { return offset_; }

 private:
  std::filesystem::path path_;
  std::uint64_t offset_;
};

/// A system call on a file failed, or the file is not what it should be. The message names the operation, the path and
/// the reason.
class StoreError : public Error {
 public:
  /// `error_number` is an `errno` value, or 0 where no system call failed: the file is of a kind that cannot be used,
  /// or was taken away, replaced or cut off meanwhile.
  StoreError(const std::string& problem, std::filesystem::path path, int error_number);

  const std::filesystem::path& path() const noexcept { return path_; }
  int error_number() const noexcept { return error_number_; }

 private:
  std::filesystem::path path_;
  int error_number_;
};

/// A result cannot be recorded: it holds NaN, an infinity or invalid UTF-8, it is no well-formed JSON, its own key
/// differs from the item's id, or its line would be longer than the 1 GiB that are read again. Recorded as that item's
/// failure, kind `bad_result`.
class BadResult : public Error {
 public:
  using Error::Error;
};

/// An item cannot be given to the function: it has no usable id, or its text is malformed.
/// Recorded as that item's failure, kind `bad_item`.
class BadItem : public Error {
 public:
  /// `where` says which item: a file and line or offset; empty where only its index is known.
  explicit BadItem(const std::string& problem, std::string where = {}) : Error(problem), where_(std::move(where)) {}

  const std::string& where() const noexcept { return where_; }

 private:
  std::string where_;
};

/// An attempt took longer than `Options::timeout`. Also what a cooperative function may throw itself
/// once its stop token says so. Recorded as that item's failure, kind `timeout`.
class TimeoutError : public Error {
 public:
  using Error::Error;
};

/// A worker process has ended in the middle of a call, or was made to.
class BrokenWorkerError : public Error {
 public:
  explicit BrokenWorkerError(const std::string& cause, std::optional<int> signal = {},
                             std::optional<int> exit_code = {}, bool out_of_memory = false)
      : Error(cause), signal_(signal), exit_code_(exit_code), out_of_memory_(out_of_memory) {}

  /// What killed it, if anything did.
  std::optional<int> signal() const noexcept { return signal_; }

  /// What it ended with, if it ended by itself.
  std::optional<int> exit_code() const noexcept { return exit_code_; }

  /// Whether the kernel killed it for want of memory.
  bool out_of_memory() const noexcept { return out_of_memory_; }

 private:
  std::optional<int> signal_, exit_code_;
  bool out_of_memory_;
};

/// A call in a worker process threw something that cannot arrive as what it is: see `WorkerPool::run`.
class RemoteError : public Error {
 public:
  RemoteError(std::string type, std::string message)
      : Error(message.empty() ? type : type + ": " + message), type_(std::move(type)), message_(std::move(message)) {}

  /// The name of its type.
  const std::string& type() const noexcept { return type_; }

  /// What its `what` said, if it had one.
  const std::string& message() const noexcept { return message_; }

 private:
  std::string type_, message_;
};

/// A field of a JSON value is missing or has another type than the one asked for; the message names it.
class JsonError : public Error {
 public:
  using Error::Error;
};

}  // namespace pararun
