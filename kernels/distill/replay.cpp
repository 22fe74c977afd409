#include "kernels/distill/replay.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/base/check.hpp"

namespace freshet::distill {

replay::replay(replay_options options, rng draw) : options_(options), draw_(draw) {
  FRESHET_ENSURE(options_.recent > 0, "replay: the recent window must hold at least one sample");
}

replay::change replay::add(sample_handle sample) {
  ++seen_;
  change done{sample, recent_.size(), std::nullopt};
  if (recent_.size() < options_.recent) {
    recent_.push_back(std::move(sample));
    return done;
  }
  done.recent_slot = oldest_;
  std::swap(recent_[oldest_], sample);
  oldest_ = (oldest_ + 1) % recent_.size();
  // `sample` is now the one that leaves the window.
  ++retired_;
  if (reservoir_.size() < options_.reservoir) {
    done.moved_to = reservoir_.size();
    reservoir_.push_back(std::move(sample));
  } else if (options_.reservoir > 0) {
    const std::uint64_t at = draw_.below(retired_);
    if (at < reservoir_.size()) {
      done.moved_to = static_cast<std::size_t>(at);
      reservoir_[*done.moved_to] = std::move(sample);
    }
  }
  return done;
}

bool replay::restore(std::vector<sample_handle> recent, std::vector<sample_handle> reservoir, const marks& at) {
  const bool grown = recent.size() < options_.recent && at.oldest != 0;
  const bool fits = recent.size() <= options_.recent && reservoir.size() <= options_.reservoir && !grown;
  oldest_ = at.oldest < recent.size() ? static_cast<std::size_t>(at.oldest) : 0;
  if (!fits) {
    // Oldest first, so that slots are ages again.
    std::rotate(recent.begin(), recent.begin() + static_cast<std::ptrdiff_t>(oldest_), recent.end());
    oldest_ = 0;
    if (recent.size() > options_.recent) {
      recent.erase(recent.begin(), recent.end() - static_cast<std::ptrdiff_t>(options_.recent));
    }
    reservoir.resize(std::min(reservoir.size(), options_.reservoir));
  }
  recent_ = std::move(recent);
  reservoir_ = std::move(reservoir);
  retired_ = std::max<std::uint64_t>(at.retired, reservoir_.size());
  seen_ = at.seen;
  draw_.resume(at.draws);
  return fits;
}

std::vector<sample_handle> replay::pick(const std::vector<sample_handle>& pool, std::size_t count) {
  std::vector<sample_handle> out;
  if (pool.empty()) return out;
  // Partial Fisher-Yates over indices, again from the start once the pool is used up.
  std::vector<std::size_t> order(pool.size());
  while (out.size() < count) {
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    for (std::size_t i = 0; i < order.size() && out.size() < count; ++i) {
      std::swap(order[i], order[i + static_cast<std::size_t>(draw_.below(order.size() - i))]);
      out.push_back(pool[order[i]]);
    }
  }
  return out;
}

std::vector<sample_handle> replay::draw(std::size_t count, const batch_mix& mix) {
  const auto share = [&](double part, const std::vector<sample_handle>& pool) {
    return pool.empty() ? 0 : static_cast<std::size_t>(std::llround(part * static_cast<double>(count)));
  };
  const std::size_t from_source = std::min(count, share(mix.source, source_));
  const std::size_t from_reservoir = std::min(count - from_source, share(mix.replay, reservoir_));
  std::vector<sample_handle> out = pick(recent_, count - from_source - from_reservoir);
  for (auto& s : pick(reservoir_, from_reservoir)) out.push_back(std::move(s));
  for (auto& s : pick(source_, from_source)) out.push_back(std::move(s));
  return out;
}

}  // namespace freshet::distill
