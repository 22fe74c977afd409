#include "actors/uplink_filter/sent_batches.hpp"

#include "kernels/base/check.hpp"

#include <algorithm>
#include <utility>

namespace freshet::actors {
namespace {

constexpr unsigned most_doublings = 5;

}  // namespace

void sent_batches::add(std::uint64_t number, topology::uts_batch batch) {
  entry fresh;
  for (const auto& s : batch.samples) fresh.open.insert(s.position.value);
  FRESHET_ENSURE(!fresh.open.empty(), "a batch without samples is never settled");
  samples_ += fresh.open.size();
  fresh.batch = std::move(batch);
  fresh.order = ++last_order_;
  const bool added = sent_.emplace(number, std::move(fresh)).second;
  FRESHET_ENSURE(added, "two batches of one number");
}

std::vector<std::uint64_t> sent_batches::settle(device_id device, const std::vector<sequence>& positions) {
  std::vector<std::uint64_t> whole;
  for (auto it = sent_.begin(); it != sent_.end();) {
    entry& e = it->second;
    std::size_t closed = 0;
    if (e.batch.device == device) {
      for (const sequence p : positions) closed += e.open.erase(p.value);
    }
    samples_ -= closed;
    if (closed > 0) answered_order_ = std::max(answered_order_, e.order);
    if (e.open.empty()) whole.push_back(it->first);
    it = e.open.empty() ? sent_.erase(it) : std::next(it);
  }
  return whole;
}

const topology::uts_batch* sent_batches::overdue(bool all_arrived, time_point now) {
  entry* chosen = nullptr;
  for (auto& [number, e] : sent_) {
    if (!all_arrived && e.order > answered_order_) {
      e.arrived.reset();
      continue;
    }
    if (!e.arrived) e.arrived = now;
    const duration wait = first_wait_ * (std::int64_t{1} << std::min(e.times, most_doublings));
    if (now - *e.arrived >= wait && (chosen == nullptr || e.order < chosen->order)) chosen = &e;
  }
  if (chosen == nullptr) return nullptr;
  chosen->order = ++last_order_;
  chosen->arrived.reset();
  ++chosen->times;
  return &chosen->batch;
}

}  // namespace freshet::actors
