#include <pararun/source.hpp>

#include "source/tree_walk.hpp"

namespace pararun {

Files::Files(const std::filesystem::path& directory, std::string pattern)
    : walk_(std::make_unique<detail::TreeWalk>(directory, std::move(pattern))) {}
Files::Files(Files&&) noexcept = default;
Files& Files::operator=(Files&&) noexcept = default;
Files::~Files() = default;

std::optional<std::filesystem::path> Files::next() { return walk_->next(); }

void Files::stop_when(std::function<bool()> stopping) { walk_->stop_when(std::move(stopping)); }

}  // namespace pararun
