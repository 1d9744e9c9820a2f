#include "json/decimal.hpp"

#include <algorithm>
#include <charconv>

namespace pararun::json {

std::optional<Decimal> to_decimal(std::string_view number) {
  constexpr std::size_t kMaxExponentDigits = 17;
  Decimal result;
  if (number.starts_with('-')) {
    result.negative = true;
    number.remove_prefix(1);
  }

  const std::size_t mantissa_end = std::min(number.find_first_of("eE"), number.size());
  const std::string_view mantissa = number.substr(0, mantissa_end);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  result.digits = mantissa.substr(0, point);
  if (point < mantissa.size()) result.digits += mantissa.substr(point + 1);
  const std::size_t leading_zeros = std::min(result.digits.find_first_not_of('0'), result.digits.size());
  if (leading_zeros == result.digits.size()) return Decimal();
  result.scale = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(leading_zeros);
  result.digits.erase(result.digits.find_last_not_of('0') + 1);
  result.digits.erase(0, leading_zeros);

  if (mantissa_end < number.size()) {
    std::string_view exponent = number.substr(mantissa_end + 1);
    const bool negative = exponent.starts_with('-');
    if (negative || exponent.starts_with('+')) exponent.remove_prefix(1);
    exponent.remove_prefix(std::min(exponent.find_first_not_of('0'), exponent.size()));
    if (exponent.size() > kMaxExponentDigits) return std::nullopt;
    std::int64_t value = 0;
    std::from_chars(exponent.data(), exponent.data() + exponent.size(), value);
    result.scale += negative ? -value : value;
  }
  return result;
}

}  // namespace pararun::json
