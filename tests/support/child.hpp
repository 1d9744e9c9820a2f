/// A forked process that does something, for what would end the test: signals, limits, the standard streams.
///
/// Only for tests in whose own process no job ever runs: oneTBB does not survive a fork.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <iostream>
#include <string>

#include <catch2/catch.hpp>

#include "support/ends.hpp"

namespace pararun::testing {

class Child {
 public:
  /// The child's side of the conversation.
  class Parent {
   public:
    Parent(int in, int out) : in_(in), out_(out) {}

    void tell(char word) const { [[maybe_unused]] const auto said = ::write(out_, &word, 1); }

    /// False if the parent does not say so, or a signal comes in between that should not be noticed. Those of
    /// timer_storm.cpp are no part of the test.
    bool hear(char word) const {
      ::sigset_t alarm, before;
      ::sigemptyset(&alarm);
      ::sigaddset(&alarm, SIGALRM);
      ::pthread_sigmask(SIG_BLOCK, &alarm, &before);
      char heard = 0;
      const bool undisturbed = ::read(in_, &heard, 1) == 1;
      ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
      return undisturbed && heard == word;
    }

   private:
    int in_, out_;
  };

  /// `action` is given the `Parent` and returns the exit code; 99 if it throws.
  template <class Action>
  explicit Child(Action action) {
    std::array<int, 2> to{}, from{}, prints{};
    REQUIRE((::pipe2(to.data(), O_CLOEXEC) == 0 && ::pipe2(from.data(), O_CLOEXEC) == 0 &&
             ::pipe2(prints.data(), O_CLOEXEC) == 0));
    std::cout.flush();  // or the child would write it as well
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::dup2(prints[1], STDOUT_FILENO);
      ::dup2(prints[1], STDERR_FILENO);
      for (const int signal : {SIGINT, SIGTERM, SIGSEGV, SIGABRT}) ::signal(signal, SIG_DFL);  // Catch handles them
      int code = 99;
      try {
        code = action(Parent(to[0], from[1]));
      } catch (...) {
      }
      ::_exit(code);
    }
    ::close(to[0]);
    ::close(from[1]);
    ::close(prints[1]);
    to_ = to[1];
    from_ = from[0];
    prints_ = prints[0];
  }

  ~Child() {
    if (!ended_) {
      ::kill(pid_, SIGKILL);
      end();
    }
    for (const int fd : {to_, from_, prints_}) ::close(fd);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void tell(char word) const { REQUIRE(::write(to_, &word, 1) == 1); }

  /// Waits until the child says so.
  void await(char word) const {
    ::pollfd entry{.fd = from_, .events = POLLIN, .revents = 0};
    REQUIRE(TEMP_FAILURE_RETRY(::poll(&entry, 1, 20'000)) == 1);
    char heard = 0;
    REQUIRE(TEMP_FAILURE_RETRY(::read(from_, &heard, 1)) == 1);
    REQUIRE(heard == word);
  }

  void send(int signal) const { REQUIRE(::kill(pid_, signal) == 0); }

  /// The exit code, or minus the signal that killed it.
  int end() {
    if (!ended_) {
      int status = 0;
      TEMP_FAILURE_RETRY(::waitpid(pid_, &status, 0));
      ended_ = true;
      code_ = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    }
    return code_;
  }

  /// All that the child wrote to its standard output and error, once it has ended.
  std::string printed() {
    end();
    std::string text;
    std::array<char, 4096> buffer{};
    for (::ssize_t count = 0; (count = TEMP_FAILURE_RETRY(::read(prints_, buffer.data(), buffer.size()))) > 0;) {
      text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  ::pid_t pid_ = 0;
  int to_ = -1, from_ = -1, prints_ = -1;
  bool ended_ = false;
  int code_ = 0;
};

}  // namespace pararun::testing
