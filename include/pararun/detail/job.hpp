/// The seam between the templates, which know the user's types, and the compiled core, which knows how a
/// job runs. A template derives from `Work`; `run_job` does the rest.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <pararun/detail/id_list.hpp>
#include <pararun/json_writer.hpp>
#include <pararun/options.hpp>
#include <pararun/report.hpp>

namespace pararun::detail {

/// The items of one pull. The derived class holds the items themselves, one a slot.
class Block {
 public:
  static constexpr std::uint32_t kNoId = UINT32_MAX;

  virtual ~Block() = default;

  /// A slot that cannot be run, because it has no item or no id.
  struct Broken {
    std::uint32_t slot;
    std::exception_ptr why;
    std::string where;  ///< in the input, as far as is known
  };

  IdList ids;
  std::vector<std::uint32_t> id_of;  ///< by slot: its place in `ids`, or `kNoId`
  std::vector<Broken> broken;
  std::size_t bytes = 0;  ///< roughly, of the items

  // The core's own notes.
  std::vector<std::uint32_t> runnable;  ///< the slots to run, in order
  std::uint64_t first_index = 0;        ///< position in the input of slot 0
  std::uint64_t first_sequence = 0;     ///< position among the runnable items of this run of `runnable[0]`
  std::size_t unsettled = 0;            ///< runnable items without a verdict
};

/// One attempt at one item.
struct Call {
  JsonWriter& result;     ///< takes the result
  std::stop_token stop;   ///< requested at the timeout and at a forced stop
  bool last_attempt;      ///< the item may be consumed
  bool returned = false;  ///< set once the function has returned: what is thrown later is the result's fault
};

/// What the types of function and items allow.
struct Traits {
  bool has_key = false;               ///< items have ids
  std::string item_type;              ///< mangled, for the message where they have none
  bool takes_stop_token = false;      ///< the function can be asked to stop
  bool consumes = false;              ///< the function must own its item, which cannot be copied
  bool crosses = false;               ///< items can be sent to another process
  bool may_block = false;             ///< the input may wait between two items
  std::optional<std::uint64_t> size;  ///< of the input, where known
  int descriptor = -1;                ///< that the input is read from, where known
};

/// The user's half of a job: where items come from and what is done with each.
class Work {
 public:
  virtual ~Work() = default;

  virtual Traits traits() = 0;

  /// An empty block.
  virtual std::unique_ptr<Block> make_block() = 0;

  /// Empties a block for another use, keeping its memory.
  virtual void clear(Block& block) noexcept = 0;

  /// Adds items to the end of `block` until it holds `most`, or about a MiB, or `deadline` has passed.
  /// Returns false once the input has ended, but not where it gave up because of a stop. Throws what the input throws;
  /// the items pulled before stay. Called by one thread at a time.
  virtual bool pull(Block& block, std::size_t most, std::chrono::steady_clock::time_point deadline) = 0;

  /// Runs the function on one item and writes its result. Throws what they throw. Called by many threads
  /// at once, for different slots.
  virtual void call(Block& block, std::uint32_t slot, Call& call) = 0;

  /// Appends the item in a slot to `bytes`, for another process. Throws what its `Wire` throws. Called by many threads
  /// at once, for different slots. Only where items can be sent.
  virtual void encode(Block& block, std::uint32_t slot, std::string& bytes) = 0;

  /// Puts an item that was encoded in another process into slot 0 of `block`.
  virtual void decode(Block& block, std::string_view bytes) = 0;

  /// Destroys the item in a slot. Thread-safe for different slots.
  virtual void drop(Block& block, std::uint32_t slot) noexcept = 0;

  /// A source that waits for input shall give up once this returns true.
  virtual void stop_pulling_when(std::function<bool()> stopping) = 0;
};

/// Runs a job from the first item to the last line. Throws `OptionsError`, `CacheLocked`, `CacheDamaged`
/// or `StoreError`, and after the drain what the input or `on_progress` threw.
Report run_job(Work& work, const Options& options);

}  // namespace pararun::detail
