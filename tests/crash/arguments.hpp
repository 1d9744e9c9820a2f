/// Words of the form `name=value`: the arguments of `crash_job` and what it says.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <stdexcept>
#include <string>

namespace pararun::testing {

class Arguments {
 public:
  Arguments() = default;

  template <class Words>
  explicit Arguments(const Words& words) {
    for (const auto& each : words) {
      const std::string word = each;
      const std::size_t sign = word.find('=');
      if (sign == word.npos) throw std::invalid_argument("no name=value: " + word);
      values_[word.substr(0, sign)] = word.substr(sign + 1);
    }
  }

  std::string text(const std::string& name, const std::string& otherwise = {}) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : found->second;
  }

  std::uint64_t number(const std::string& name, std::uint64_t otherwise = 0) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : std::stoull(found->second);
  }

  bool has(const std::string& name) const { return values_.contains(name); }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace pararun::testing
