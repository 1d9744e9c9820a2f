/// The value of a JSON number, whatever its size and however it is spelled: 10, 1e1 and 10.0 are one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pararun::json {

/// 0.`digits` times ten to the power of `scale`. The digits neither begin nor end with a zero; zero has none,
/// no sign and a scale of 0.
struct Decimal {
  bool negative = false;
  std::string digits;
  std::int64_t scale = 0;

  friend bool operator==(const Decimal&, const Decimal&) = default;
};

/// `number` follows JSON's grammar. Nothing if its exponent has more than 17 digits: a number that can be
/// carried along, but means nothing.
std::optional<Decimal> to_decimal(std::string_view number);

}  // namespace pararun::json
