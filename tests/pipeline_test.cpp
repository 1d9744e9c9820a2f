#include "job/pipeline.hpp"

#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_group.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "support/ends.hpp"
#include "support/rendezvous.hpp"

using namespace pararun::job;
using pararun::testing::eventually;
using pararun::testing::Rendezvous;

namespace {

/// Passes a number of tokens through and counts what happens to them.
class Counting : public Stages {
 public:
  explicit Counting(std::size_t count) : tokens_(count) {}

  Token* input() noexcept override { return given_ < tokens_.size() ? &tokens_[given_++] : nullptr; }
  void work(Token&) noexcept override { ++worked; }
  void output(Token&) noexcept override { ++put_out; }
  Token* due() noexcept override {
    ++asked_for_due;
    return due_.exchange(nullptr);
  }

  void make_due(Token& token) { due_ = &token; }

  std::atomic<std::size_t> worked{0}, put_out{0}, asked_for_due{0};

 private:
  std::vector<Token> tokens_;
  std::size_t given_ = 0;
  std::atomic<Token*> due_{nullptr};
};

}  // namespace

TEST_CASE("every token passes each filter once") {
  const std::size_t n_workers = GENERATE(1U, 2U, 8U);
  const std::size_t max_tokens = GENERATE(1U, 2U, 100U);
  Counting stages(1000);
  Pipeline(n_workers).run(max_tokens, stages);
  CHECK(stages.worked == 1000);
  CHECK(stages.put_out == 1000);
}

TEST_CASE("cancelling what surrounds a pipeline does not stop it") {
  Counting stages(1000);
  tbb::task_group_context around;
  tbb::parallel_for(
      0, 1,
      [&](int) {
        around.cancel_group_execution();
        Pipeline(2).run(4, stages);
      },
      around);
  CHECK(stages.put_out == 1000);
}

TEST_CASE("the input filter never runs twice at once") {
  struct Watched final : Counting {
    using Counting::Counting;

    Token* input() noexcept override {
      const bool alone = inside_input.exchange(true) == false;
      crowded = crowded || !alone;
      std::this_thread::yield();
      Token* const token = Counting::input();
      inside_input = false;
      return token;
    }
    std::atomic<bool> inside_input{false}, crowded{false};
  };
  Watched stages(2000);
  Pipeline(4).run(8, stages);
  CHECK_FALSE(stages.crowded);
}

TEST_CASE("what is due runs on another worker while the input waits") {
  struct Waiting final : Counting {
    Waiting() : Counting(0) {}
    Token* input() noexcept override {
      make_due(token);
      pipeline->help();
      in_time = eventually([&] { return put_out == 1; });
      return nullptr;
    }
    Token token;
    Pipeline* pipeline = nullptr;
    bool in_time = false;
  };
  Waiting stages;
  Pipeline pipeline(2);
  stages.pipeline = &pipeline;
  pipeline.run(4, stages);
  CHECK(stages.in_time);
}

TEST_CASE("help that comes before the pipeline runs, or when it is over, is none") {
  Counting stages(10);
  Token token;
  {
    Pipeline pipeline(4);
    pipeline.help();
    pipeline.run(8, stages);
    const std::size_t asked = stages.asked_for_due;
    stages.make_due(token);
    pipeline.help();
    CHECK(asked == 0);
  }
  CHECK(stages.asked_for_due == 0);
  CHECK(stages.worked == 10);
}

TEST_CASE("a finished token does not wait for the thread that put out another one and is in the input now") {
  // A worker puts out the first token for as long as it takes the other one to finish the second and to begin the
  // third, and goes on into the input; neither comes back before two tokens are out.
  struct Blocking final : Counting {
    Blocking() : Counting(3) {}
    Token* input() noexcept override {
      if (Token* token = Counting::input()) return token;
      wait([&] { return put_out >= 2; });
      return nullptr;
    }
    void work(Token& token) noexcept override {
      const std::size_t before = begun++;
      if (before == 2) wait([&] { return put_out >= 2; });
      Counting::work(token);
    }
    void output(Token& token) noexcept override {
      if (entered++ == 0) wait([&] { return begun == 3; });
      Counting::output(token);
    }

    std::atomic<bool> in_time{true};

   private:
    void wait(const std::function<bool()>& condition) {
      if (!eventually(condition)) in_time = false;
    }

    std::atomic<std::size_t> begun{0}, entered{0};
  };
  Blocking stages;
  Pipeline(2).run(3, stages);
  CHECK(stages.in_time);
}
