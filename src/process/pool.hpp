/// What is behind `WorkerPool`.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include <pararun/process.hpp>

#include "process/call_service.hpp"
#include "process/crew.hpp"

namespace pararun::process {

class Pool {
 public:
  explicit Pool(PoolOptions options);

  /// Has a message worked on, and gives `take`, unless it is null, what the call returned. Throws what it threw.
  using Take = void (*)(void* to, WireReader& in);
  void call(const std::stop_token& stop, std::string& message, Take take, void* to);

  PoolStatistics statistics();

  /// False in a process that was forked from the one that made it.
  bool is_mine() const noexcept;

  /// See `WorkerPool::close`.
  void close() noexcept;

 private:
  class Turn;
  class Hired;

  /// What becomes of a worker that is called.
  enum class Fate {
    replied,
    died,
    garbled,   ///< it is out of its mind
    lost,      ///< its template has died, and it has too
    given_up,  ///< nobody waits for it any longer
  };
  Fate fate_of(Crew& crew, Worker& worker, const std::stop_token& stop, std::string& message);

  std::shared_ptr<Crew> new_crew();
  std::shared_ptr<Crew> crew();
  void replace(const std::shared_ptr<Crew>& lost);

  const PoolOptions options_;
  CallService service_;
  const ::pid_t owner_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::shared_ptr<Crew> crew_;  // guarded by mutex_, as what follows
  std::size_t running_ = 0;
  bool closed_ = false;  // no more calls
  bool over_ = false;    // nor may any go on
};

}  // namespace pararun::process
