#include "crash/killable.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <sstream>
#include <thread>

#include <catch2/catch.hpp>

namespace pararun::testing {
namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

Killable::Killable(const std::filesystem::path& results, const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment)
    : arguments_(arguments) {
  std::vector<std::string> words{PARARUN_CRASH_JOB, results.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string variable = *entry;
    const auto same = [&](const std::string& own) {
      return own.starts_with(variable.substr(0, variable.find('=') + 1));
    };
    if (std::none_of(environment.begin(), environment.end(), same)) variables.push_back(variable);
  }

  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  pipe_ = ends[0];
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  const int failed =
      ::posix_spawn(&pid_, PARARUN_CRASH_JOB, &actions, nullptr, pointers(words).data(), pointers(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  REQUIRE(failed == 0);
}

Killable::~Killable() {
  if (pid_ != 0) {
    ::kill(pid_, SIGKILL);
    reap();
  }
  ::close(pipe_);
}

void Killable::listen() { take(std::chrono::milliseconds(0)); }

void Killable::listen_until(const std::function<bool()>& condition) {
  for (listen(); !condition() && !ended_; listen()) std::this_thread::sleep_for(std::chrono::microseconds(20));
}

void Killable::kill() {
  if (pid_ != 0) ::kill(pid_, SIGKILL);
  wait();
}

void Killable::wait() {
  take(std::chrono::minutes(2));
  if (!ended_) FAIL("the job hangs");
  reap();
}

bool Killable::was_killed() const { return status_ == -SIGKILL; }

void Killable::take(std::chrono::milliseconds wait) {
  char buffer[4096];
  for (pollfd entry{pipe_, POLLIN, 0};
       !ended_ && TEMP_FAILURE_RETRY(::poll(&entry, 1, static_cast<int>(wait.count()))) > 0;) {
    const ssize_t got = TEMP_FAILURE_RETRY(::read(pipe_, buffer, sizeof buffer));
    if (got <= 0) ended_ = true;
    if (got > 0) partial_.append(buffer, static_cast<std::size_t>(got));
  }
  for (std::size_t end; (end = partial_.find('\n')) != partial_.npos; partial_.erase(0, end + 1)) {
    heed(partial_.substr(0, end));
  }
}

void Killable::heed(const std::string& line) {
  INFO("the job said: " << line);
  // The words of an error's message stay together.
  const std::size_t message = line.find(" what=");
  std::istringstream words(line.substr(0, message));
  std::string subject;
  words >> subject;
  std::vector<std::string> values;
  for (std::string word; words >> word;) values.push_back(word);
  if (message != line.npos) values.push_back(line.substr(message + 1));
  const Arguments said(values);
  log_.push_back({subject, said});
  if (subject == "progress") {
    // What was safe once cannot become less.
    CHECK(said.number("succeeded") >= told_succeeded_);
    CHECK(said.number("failed") >= told_failed_);
    ++times_told_;
  } else if (subject == "report") {
    report_ = said;
  } else if (subject == "error") {
    error_ = said;
  } else if (subject == "held") {
    held_ = true;
  } else {
    REQUIRE(subject == "call");  // see faulty_calls.cpp
  }
  if (believed_ && said.has("succeeded")) {
    told_succeeded_ = said.number("succeeded");
    told_failed_ = said.number("failed");
  }
}

void Killable::reap() {
  int status = 0;
  if (pid_ == 0 || TEMP_FAILURE_RETRY(::waitpid(pid_, &status, 0)) != pid_) return;
  pid_ = 0;
  status_ = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace pararun::testing
