/// How an item function fails its item on purpose, with data of its own.
#pragma once

#include <string>

#include <pararun/error.hpp>
#include <pararun/json_writer.hpp>

namespace pararun {

/// `throw pr::ItemFailure("bad header", pr::object("line", 17))`: the failure's line in the failures file
/// holds the message and, as `details`, the JSON value.
class ItemFailure : public Error {
 public:
  explicit ItemFailure(const std::string& message) : Error(message) {}

  /// Throws `BadResult` if `details` holds what JSON cannot.
  template <JsonWritable T>
  ItemFailure(const std::string& message, const T& details) : Error(message) {
    JsonWriter(details_).value(details);
  }

  /// The details as JSON text; empty where none were given.
  const std::string& details() const noexcept { return details_; }

 private:
  std::string details_;
};

}  // namespace pararun
