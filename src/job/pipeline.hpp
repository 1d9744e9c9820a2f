/// The pipeline itself: three filters on oneTBB, with as many threads as were asked for.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "job/token.hpp"

namespace pararun::job {

/// What the filters do.
class Stages {
 public:
  virtual ~Stages() = default;

  virtual Token* input() noexcept = 0;           ///< null at the end; one thread at a time
  virtual void work(Token& token) noexcept = 0;  ///< many threads at once
  virtual void output(Token& token) noexcept = 0;
  virtual Token* due() noexcept = 0;  ///< a token for a helper, or null
};

class Pipeline {
 public:
  /// Throws `OptionsError` where oneTBB has been told to use fewer threads. Where the system has fewer to give, the
  /// pipeline makes do with these.
  explicit Pipeline(std::size_t n_workers);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  std::size_t n_workers() const noexcept;

  /// Returns once the input has ended and every token has left.
  void run(std::size_t max_tokens, Stages& stages);

  /// While the input filter waits inside of the input, pieces that are due find no way in: this lets another
  /// worker fetch them with `Stages::due`. Any thread; does nothing before and after `run`.
  void help();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace pararun::job
