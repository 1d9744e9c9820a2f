#include "progress/rate.hpp"

#include <algorithm>
#include <cmath>

namespace pararun::progress {
namespace {

constexpr double kMemorySeconds = 15;
constexpr double kMemoryItems = 10;

}  // namespace

void RateEstimator::Average::fold(double items, double seconds) {
  const double known = value();
  const double memory = known > 0 ? std::max(kMemorySeconds, kMemoryItems / known) : kMemorySeconds;
  const double share = -std::expm1(-seconds / memory);
  sum += (items / seconds - sum) * share;
  weight += (1 - weight) * share;
}

void RateEstimator::observe(const ProgressState& state) {
  const double seconds = (state.elapsed - last_.elapsed).count();
  if (!(seconds > 0)) return;
  const std::uint64_t before = last_.succeeded + last_.failed;
  const std::uint64_t now = state.succeeded + state.failed;
  const std::uint64_t items = now > before ? now - before : 0;
  const bool passed_by = state.skipped + state.duplicates > last_.skipped + last_.duplicates;
  last_ = state;
  if (worked_items_ == 0 && items == 0 && (passed_by || state.seen == 0)) return;
  worked_seconds_ += seconds;
  worked_items_ += items;
  pending_seconds_ += seconds;
  if (items == 0) return;
  average_.fold(static_cast<double>(items), pending_seconds_);
  pending_seconds_ = 0;
}

double RateEstimator::current() const {
  const double known = average_.value();
  if (pending_seconds_ * known <= 1) return known;
  Average at_best = average_;
  at_best.fold(1, pending_seconds_);
  return at_best.value();
}

double RateEstimator::average() const {
  return worked_items_ > 0 ? static_cast<double>(worked_items_) / worked_seconds_ : 0;
}

std::optional<std::uint64_t> credible_total(const ProgressState& state) {
  if (state.total && *state.total > 0 && std::max(state.seen, state.settled()) <= *state.total) return state.total;
  return std::nullopt;
}

std::optional<std::chrono::duration<double>> remaining(const ProgressState& state, double rate) {
  const std::optional<std::uint64_t> total = credible_total(state);
  if (!total) return std::nullopt;
  const std::uint64_t left = *total - state.settled();
  if (left == 0) return std::chrono::duration<double>(0);
  if (!(rate > 0)) return std::nullopt;
  return std::chrono::duration<double>(static_cast<double>(left) / rate);
}

}  // namespace pararun::progress
