/// Whether the kernel has killed for want of memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace pararun::posix {

/// How many processes of this one's control group the kernel has killed because there was no memory, since the group
/// was made. Where the group does not tell: of the next one around it that does, or else of the machine. Nothing where
/// nobody tells.
std::optional<std::uint64_t> oom_kills() noexcept;

/// For tests: with that directory in the place of `/`.
std::optional<std::uint64_t> oom_kills(const std::filesystem::path& root) noexcept;

}  // namespace pararun::posix
