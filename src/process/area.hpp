/// What a worker process shares with the process that it works for: a place of memory for each worker, made before
/// either of them is forked. Whatever a dying worker leaves here can be read afterwards, so that it takes nothing with
/// it but the piece of work that it was on.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "process/bell.hpp"
#include "process/death.hpp"

namespace pararun::process {

/// Bytes on their way from one process to another. Both sides begin each conversation at the front of the memory, so
/// that short ones stay in a few pages of it, and in the processor's cache.
class Pipe {
 public:
  static constexpr std::size_t kCapacity = 1 << 20;

  /// The most that is put or taken at once, so that the other side can begin with it meanwhile.
  static constexpr std::size_t kStep = 1 << 16;

  // The sender's side.

  /// To be called before the first byte of a conversation, when all of the last one has been taken, and by the receiver
  /// earlier than by the sender.
  void begin_sending() noexcept { end_.store(front_behind(end_.load())); }
  void begin_receiving() noexcept { begin_.store(front_behind(begin_.load())); }

  std::size_t room() const noexcept { return kCapacity - available(); }

  /// Puts as much of `bytes` as it can behind what was put before, and returns how much that is. The receiver sees all
  /// of that at once.
  std::size_t put(std::string_view bytes) noexcept {
    const std::uint64_t end = end_.load(std::memory_order_relaxed);
    const std::size_t size = std::min({bytes.size(), room(), kStep});
    const std::size_t at = end % kCapacity;
    const std::size_t first = std::min(size, kCapacity - at);
    std::memcpy(bytes_ + at, bytes.data(), first);
    std::memcpy(bytes_, bytes.data() + first, size - first);
    end_.store(end + size);
    return size;
  }

  // The receiver's side.

  /// How much has come and was not taken. Never more than there can be, whatever a broken sender may have written.
  std::size_t available() const noexcept {
    const std::uint64_t end = end_.load(), begin = begin_.load();
    return begin < end ? std::min<std::size_t>(kCapacity, end - begin) : 0;
  }

  /// Takes `size` bytes, which must have come, and gives them to `use` in one piece or two.
  template <class Use>
  void take(std::size_t size, Use use) {
    const std::uint64_t begin = begin_.load(std::memory_order_relaxed);
    const std::size_t at = begin % kCapacity;
    const std::size_t first = std::min(size, kCapacity - at);
    use(std::string_view(bytes_ + at, first));
    if (first < size) use(std::string_view(bytes_, size - first));
    begin_.store(begin + size);
  }

  /// Takes so many bytes, which must have come, as what is nothing but bits.
  template <class T>
  T take_plain() {
    std::array<char, sizeof(T)> bytes;
    char* to = bytes.data();
    take(bytes.size(), [&](std::string_view piece) { to = std::copy(piece.begin(), piece.end(), to); });
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

  /// Takes what has come of the bytes that `to` still lacks to be of that size.
  void take_into(std::string& to, std::size_t size) {
    take(std::min({size - to.size(), available(), kStep}), [&](std::string_view piece) { to += piece; });
  }

  /// To be called while nobody is at the other end.
  void clear() noexcept {
    begin_.store(0);
    end_.store(0);
  }

 private:
  static std::uint64_t front_behind(std::uint64_t position) noexcept {
    return (position + kCapacity - 1) / kCapacity * kCapacity;
  }

  alignas(64) std::atomic<std::uint64_t> end_{0};    // of what was sent, since the beginning
  alignas(64) std::atomic<std::uint64_t> begin_{0};  // of what was not taken
  alignas(64) char bytes_[kCapacity];
};

/// How far a worker has come with what it was sent. It claims each part before it begins with it, so that the others
/// can be taken back at any moment, and so that its death tells which part it died of. One word, changed as a whole.
class Claims {
 public:
  struct State {
    std::uint32_t round;    ///< which message this is about
    std::uint16_t claimed;  ///< so many parts were begun
    std::uint16_t end;      ///< so many there are
  };

  State get() const noexcept { return unpack(word_.load()); }

  /// Starts another message; the worker must have nothing left to do.
  void open(std::uint32_t round, std::uint16_t parts) noexcept { word_.store(pack({round, 0, parts})); }

  /// For the worker: whether the next part is its to do.
  bool claim(std::uint32_t round) noexcept {
    return change([&](State& state) {
      if (state.round != round || state.claimed >= state.end) return false;
      ++state.claimed;
      return true;
    });
  }

  /// Takes back what lies at `from` or behind and was not claimed. Returns where that begins.
  std::uint16_t withdraw(std::uint16_t from) noexcept {
    std::uint16_t end = 0;
    change([&](State& state) {
      end = std::min(state.end, std::max(from, state.claimed));
      if (end == state.end) return false;
      state.end = end;
      return true;
    });
    return end;
  }

 private:
  static std::uint64_t pack(State state) noexcept {
    return std::uint64_t{state.round} << 32 | std::uint64_t{state.claimed} << 16 | state.end;
  }
  static State unpack(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint16_t>(word >> 16),
            static_cast<std::uint16_t>(word)};
  }

  template <class Change>
  bool change(Change make) noexcept {
    std::uint64_t word = word_.load();
    for (;;) {
      State state = unpack(word);
      if (!make(state)) return false;
      if (word_.compare_exchange_weak(word, pack(state))) return true;
    }
  }

  std::atomic<std::uint64_t> word_{0};
};

struct Area {
  Claims claims;
  std::atomic<std::int64_t> began{0};  ///< when the last claimed part, or the next, was begun
  alignas(64) Bell worker_bell;
  std::atomic<bool> leave{false};            ///< the worker shall end as soon as it has nothing to do
  std::atomic<bool> printing{false};         ///< it writes what it has printed, which takes as long as a reader likes
  alignas(64) Bell bell;                     ///< the other side's
  std::atomic<std::uint64_t> death_word{0};  ///< told by the template
  std::atomic<std::int32_t> pid{0};          ///< likewise; 0 before it is born
  Pipe requests, replies;

  Death death() const noexcept {
    const std::uint64_t word = death_word.load();
    return {static_cast<Death::How>(word >> 32), static_cast<int>(static_cast<std::uint32_t>(word))};
  }
  void set_death(Death death) noexcept {
    death_word.store(static_cast<std::uint64_t>(death.how) << 32 | static_cast<std::uint32_t>(death.value));
  }

  /// For the next worker, once the last one has ended.
  void clear() noexcept {
    requests.clear();
    replies.clear();
    leave.store(false);
    printing.store(false);
    pid.store(0);
    set_death({});
  }
};

}  // namespace pararun::process
