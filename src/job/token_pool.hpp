/// The tokens of a job. They are used again, with the memory that their lines have grown to.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "job/token.hpp"

namespace pararun::job {

class TokenPool {
 public:
  Token& take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) {
      free_.reserve(tokens_.size() + 1);
      tokens_.push_back(std::make_unique<Token>());
      free_.push_back(tokens_.back().get());
    }
    Token& token = *free_.back();
    free_.pop_back();
    return token;
  }

  void give_back(Token& token) noexcept {
    const std::lock_guard lock(mutex_);
    free_.push_back(&token);
  }

  /// Every token there is, in use or not.
  std::vector<Token*> all() const {
    const std::lock_guard lock(mutex_);
    std::vector<Token*> tokens;
    for (const auto& token : tokens_) tokens.push_back(token.get());
    return tokens;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Token>> tokens_;
  std::vector<Token*> free_;
};

}  // namespace pararun::job
