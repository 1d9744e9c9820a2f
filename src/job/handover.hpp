/// Tells ThreadSanitizer what it cannot see by itself. oneTBB passes tokens from thread to thread inside its shared
/// library, which is not instrumented: without these marks every token, and everything that a serial filter keeps,
/// looks like a race, and a suppression wide enough to silence that would silence real races too.
///
/// Marks, in the order of the pipeline (`job`, `filter` and `token` are any addresses that live as long as the thing):
///
///     give(job)   before the pipeline is started            take(job)    in the input filter, first
///     give(token) at the end of every filter but the last   take(token)  at the start of every filter but the first
///     give(filter) at the end of each call of a serial one  take(filter) at the start of each call of it
///     give(job)   at the end of the last filter             take(job)    after the pipeline has returned
///
/// They order nothing in the running program and cost nothing in a build without ThreadSanitizer.
#pragma once

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace pararun::job {

/// What this thread did so far comes before what another does after `take` of the same address.
inline void give([[maybe_unused]] const void* address) noexcept {
#ifdef __SANITIZE_THREAD__
  __tsan_release(const_cast<void*>(address));
#endif
}

/// See `give`.
inline void take([[maybe_unused]] const void* address) noexcept {
#ifdef __SANITIZE_THREAD__
  __tsan_acquire(const_cast<void*>(address));
#endif
}

}  // namespace pararun::job
