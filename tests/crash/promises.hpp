/// What a job promises by what it says, judged by the system calls that it had made by then.
#pragma once

#include <filesystem>

#include "crash/killable.hpp"
#include "crash/ledger.hpp"

namespace pararun::testing {

/// Checks, of everything the job said, that at the moment when it said it the lines had been written, and synced if it
/// is to be safe from a failure of the machine.
void check_promises(const Killable& job, const Ledger& ledger, const std::filesystem::path& results, bool machine);

/// Checks that after a sync that failed nothing is acknowledged, and neither it nor a write is tried again: the pages
/// it was for may be gone and look well.
void check_failed_sync(const Killable& job);

}  // namespace pararun::testing
