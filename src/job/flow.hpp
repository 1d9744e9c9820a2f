/// Decides what enters the pipeline next: a piece that has come back, because its items had to wait for another
/// attempt or for a free worker, or new items from the input. A piece that waits counts against the tokens, so
/// memory stays bounded, but it holds no worker.
///
/// (`tbb::task::suspend` would do the same inside oneTBB. It switches stacks without telling the sanitizers,
/// which then crash or cry wolf; so waiting happens here, outside of any task.)
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <vector>

#include "job/stopping.hpp"
#include "job/token.hpp"

namespace pararun::job {

class Flow {
 public:
  enum class Next {
    piece,  ///< one has been handed out
    pull,   ///< the caller may pull new items; it must call `pulled` then
    end,    ///< nothing is left and nothing can come back
  };

  Flow(const Settings& settings, const Stopping& stopping);

  /// For the input filter. Waits while everything there is waits. A handed-out piece has at most `most` items.
  Next next(std::size_t most, Piece& piece);

  /// The end of a pull. `piece` is empty if it brought nothing to run; `more` says whether the input goes on.
  void pulled(Piece& piece, bool more);

  /// For a helper, while the input filter waits inside of the input: a piece that is due, if any.
  bool take_due(Piece& piece);

  /// Since when a piece has waited for a helper, or until when it will; nothing if none needs one.
  std::optional<Clock::time_point> help_wanted() const;

  /// Where there is something to hand out, or there may be, and nobody is in the input filter to take it: how many
  /// pieces have been handed out so far.
  std::optional<std::uint64_t> unattended() const;

  /// Takes back a part of a live piece, to be run at once by anybody, or at its `due`.
  void give_back(const Piece& piece);

  /// A live piece has been run, and `count` of its items have their verdicts: nothing of it comes back from now on.
  /// Returns the block once all of its items have theirs.
  detail::Block* ran(const Piece& piece, std::size_t count) noexcept;

  /// A piece that has been run has left the pipeline: there is room for another.
  void left() noexcept;

  /// Looks again at `Stopping`.
  void wake();

  /// Whether the input came to its end, by itself.
  bool input_ended() const;

 private:
  struct Later {
    bool operator()(const Piece& a, const Piece& b) const noexcept { return a.due > b.due; }
  };

  bool has_room() const noexcept { return live_ + ready_.size() + waiting_.size() < max_tokens_; }
  void hand_out(Piece& piece) noexcept;
  bool take_due_locked(std::size_t most, Piece& piece);

  const std::size_t max_tokens_;
  const bool retries_;
  const Stopping& stopping_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> ready_;
  std::priority_queue<Piece, std::vector<Piece>, Later> waiting_;
  std::uint64_t handed_out_ = 0;    // pieces, altogether
  std::size_t live_ = 0;            // pieces in the pipeline
  std::size_t divisible_live_ = 0;  // those of them of which something may come back
  bool open_ = true;                // the input may have more
  bool pulling_ = false;            // the input filter is inside of the input
};

}  // namespace pararun::job
