#include "actors/bench/bench_core.hpp"

#include <nlohmann/json.hpp>

namespace freshet::actors {

bench_core::bench_core(bench_options options, std::shared_ptr<bench_progress> progress)
    : options_(std::move(options)), progress_(std::move(progress)) {}

void bench_core::start(time_point now, outbox& out) {
  tick_ = 1;
  if (options_.ticks == 0) {
    const std::lock_guard guard(progress_->lock);
    progress_->done = true;
    return;
  }
  pace_all(now, out);
}

void bench_core::pace_all(time_point now, outbox& out) {
  learned_ = false;
  since_ = now;
  for (const topology::address& device : options_.devices) {
    topology::pace p;
    p.tick = tick_;
    p.first = (tick_ - 1) * options_.samples_per_tick;
    p.count = options_.samples_per_tick;
    out.send(device, p);
  }
}

void bench_core::handle(const topology::address& from, const topology::any_message& m, time_point now, outbox& out) {
  if (const auto* answers = std::get_if<topology::paced>(&m)) {
    if (answers->tick != tick_ || answered_[from] == tick_) return;
    answered_[from] = tick_;
    since_ = now;
    {
      const std::lock_guard guard(progress_->lock);
      auto& all = progress_->answers[answers->device.value];
      for (const std::uint32_t place : answers->skipped) progress_->skipped[answers->device.value].insert(all.size() + place);
      all.insert(all.end(), answers->answers.begin(), answers->answers.end());
    }
    advance_if_complete(now, out);
    return;
  }
  if (const auto* learned = std::get_if<topology::tick_learned>(&m)) {
    if (learned->tick != tick_ || learned_) return;
    learned_ = true;
    since_ = now;
    desired_ = learned->desired;
    const std::lock_guard guard(progress_->lock);
    progress_->trained = learned->samples;
  }
  if (const auto* report = std::get_if<topology::device_report>(&m)) active_[from] = report->active;
  advance_if_complete(now, out);
}

void bench_core::advance_if_complete(time_point now, outbox& out) {
  if (!learned_ || tick_ > options_.ticks) return;
  std::uint64_t behind = 0;
  for (const topology::address& device : options_.devices) {
    if (answered_[device] != tick_) return;
    if (active_[device] < desired_) ++behind;
  }
  if (behind > 0 && now - since_ < options_.patience) return;
  {
    const std::lock_guard guard(progress_->lock);
    progress_->tick = tick_;
    progress_->version = desired_.value;
    progress_->versions.push_back(desired_.value);
    progress_->stragglers += behind;
    progress_->done = tick_ == options_.ticks;
  }
  ++tick_;
  if (tick_ <= options_.ticks) pace_all(now, out);
}

void bench_core::tick(time_point now, outbox& out) { advance_if_complete(now, out); }

bool bench_core::work(time_point, outbox&) { return false; }

std::uint32_t bench_core::capacity(const topology::address&) const { return 16; }

std::string bench_core::stats_json() const {
  nlohmann::json s;
  s["tick"] = tick_;
  s["version"] = desired_.value;
  return s.dump();
}

void bench_core::stop(time_point, outbox&) {}

}  // namespace freshet::actors
