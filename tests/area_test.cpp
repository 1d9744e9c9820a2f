#include "process/area.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using pararun::process::Area;
using pararun::process::Bell;
using pararun::process::Claims;
using pararun::process::Clock;
using pararun::process::Death;
using pararun::process::Pipe;

TEST_CASE("a pipe gives back what was put into it, wherever its memory ends") {
  const auto pipe = std::make_unique<Pipe>();
  std::mt19937_64 random(1);
  std::string sent, received;
  for (int i = 0; i < 3000; ++i) {
    std::string bytes(random() % 3000, static_cast<char>('a' + i % 26));
    const std::size_t put = pipe->put(bytes);
    CHECK(put == std::min(bytes.size(), Pipe::kCapacity - (sent.size() - received.size())));
    sent += bytes.substr(0, put);
    CHECK(pipe->available() == sent.size() - received.size());
    const std::size_t size = random() % (pipe->available() + 1);
    pipe->take(size, [&](std::string_view piece) { received += piece; });
  }
  pipe->take(pipe->available(), [&](std::string_view piece) { received += piece; });
  CHECK(sent.size() > Pipe::kCapacity);
  CHECK(received == sent);
}

TEST_CASE("a pipe takes no more than it has room for, and a step at a time") {
  const auto pipe = std::make_unique<Pipe>();
  const std::string much(2 * Pipe::kCapacity, 'x');
  std::size_t total = 0;
  for (std::size_t put = 1; put > 0; total += put) {
    put = pipe->put(much);
    CHECK(put <= Pipe::kStep);
  }
  CHECK(total == Pipe::kCapacity);
  CHECK(pipe->room() == 0);
  std::string taken;
  pipe->take_into(taken, 10);
  CHECK(taken.size() == 10);
  CHECK(pipe->room() == 10);
}

TEST_CASE("each conversation begins at the front of the memory") {
  const auto pipe = std::make_unique<Pipe>();
  const void* first = nullptr;
  for (const std::size_t size : {10, 1, 700}) {
    const std::string message(size, 'x');
    pipe->begin_receiving();
    CHECK(pipe->available() == 0);
    pipe->begin_sending();
    CHECK(pipe->available() == 0);
    CHECK(pipe->put(message) == size);
    pipe->take(size, [&](std::string_view piece) {
      if (first == nullptr) first = piece.data();
      CHECK(static_cast<const void*>(piece.data()) == first);
      CHECK(piece == message);
    });
  }
}

TEST_CASE("parts are claimed in turn, up to where the rest was taken back") {
  Claims claims;
  claims.open(7, 3);
  CHECK_FALSE(claims.claim(6));  // an old message's
  CHECK(claims.claim(7));
  CHECK(claims.get().claimed == 1);
  CHECK(claims.withdraw(2) == 2);
  CHECK(claims.claim(7));
  CHECK_FALSE(claims.claim(7));
  CHECK(claims.withdraw(0) == 2);  // what has begun cannot be taken back
  CHECK(claims.withdraw(9) == 2);
  claims.open(8, 1);
  CHECK_FALSE(claims.claim(7));
  CHECK(claims.withdraw(0) == 0);
  CHECK_FALSE(claims.claim(8));
}

TEST_CASE("a part is claimed or taken back, and never both") {
  for (std::uint32_t round = 1; round <= 2000; ++round) {
    Claims claims;
    claims.open(round, 100);
    std::atomic<std::uint16_t> done = 0;
    std::thread worker([&] {
      while (claims.claim(round)) ++done;
    });
    const std::uint16_t end = claims.withdraw(static_cast<std::uint16_t>(round % 100));
    worker.join();
    CHECK(done == end);
    CHECK(end >= std::min<std::uint32_t>(round % 100, 100));
  }
}

TEST_CASE("no ring of a bell is missed") {
  constexpr int kRounds = 20'000;
  Bell here, there;
  std::atomic<int> ping = 0, pong = 0;
  std::thread other([&] {
    for (int i = 1; i <= kRounds; ++i) {
      there.wait([&] { return ping.load() == i; });
      pong.store(i);
      here.ring();
    }
  });
  bool all = true;
  for (int i = 1; i <= kRounds; ++i) {
    ping.store(i);
    there.ring();
    // Without a limit this test would hang where it now fails.
    all = all && here.wait([&] { return pong.load() == i; }, Clock::now() + std::chrono::seconds(20));
  }
  CHECK(all);
  other.join();
}

TEST_CASE("a bell that is not rung is waited for until the time is up") {
  Bell bell;
  CHECK_FALSE(bell.wait([] { return false; }, Clock::now() + std::chrono::milliseconds(2)));
  CHECK_FALSE(bell.wait([] { return false; }, Clock::time_point()));
  CHECK(bell.wait([] { return true; }, Clock::time_point()));
}

TEST_CASE("a death is told as a whole") {
  const auto area = std::make_unique<Area>();
  CHECK_FALSE(area->death());
  area->set_death({Death::How::killed, 11});
  CHECK(area->death().how == Death::How::killed);
  CHECK(area->death().value == 11);
  area->set_death({Death::How::exited, 0});
  CHECK(area->death());
  area->clear();
  CHECK_FALSE(area->death());
}

TEST_CASE("deaths are described in words") {
  CHECK(describe(Death{Death::How::killed, 11}) == "the worker process was killed by SIGSEGV");
  CHECK(describe(Death{Death::How::killed, 200}) == "the worker process was killed by signal 200");
  CHECK(describe(Death{Death::How::exited, 3}) == "the worker process ended itself with exit code 3");
  CHECK(describe(Death{Death::How::no_memory, 9}) == "the worker process was killed by the kernel, for want of memory");
  CHECK(describe(Death{Death::How::not_born, 11}) ==
        "no worker process could be started: Resource temporarily unavailable");
}
