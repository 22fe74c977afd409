// BENCH: the clock of a paced run. It tells every device which samples to answer, waits until the
// cloud has learned from them and every device runs the version that came of it, and goes on. So a
// run depends on seeds alone, not on the machine's speed.
//
//   pace{t} ─▶ devices ─▶ paced{t}          all devices have answered,
//   distiller ─▶ tick_learned{t, version}   the cloud has learned,
//   devices ─▶ device_report{version}       and all run that version: tick t + 1
//
// A device that does not reach the version in time is counted as a straggler and the run goes on.
// Thread contract: that of role_core; `progress` is shared with whoever watches, under its lock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "actors/bench/bench_progress.hpp"
#include "actors/role.hpp"

namespace freshet::actors {

struct bench_options {
  std::vector<topology::address> devices;   ///< device i + 1 of the fleet, in order
  std::uint64_t ticks = 0;
  std::uint32_t samples_per_tick = 32;      ///< a device
  /// For devices to reach a version, from when all have answered and the cloud has learned.
  duration patience = std::chrono::seconds(60);
};

class bench_core final : public role_core {
 public:
  bench_core(bench_options options, std::shared_ptr<bench_progress> progress);

  void start(time_point now, outbox& out) override;
  void handle(const topology::address& from, const topology::any_message& m, time_point now, outbox& out) override;
  void tick(time_point now, outbox& out) override;
  bool work(time_point now, outbox& out) override;
  [[nodiscard]] std::uint32_t capacity(const topology::address& from) const override;
  [[nodiscard]] std::string stats_json() const override;
  void stop(time_point now, outbox& out) override;

 private:
  void pace_all(time_point now, outbox& out);
  void advance_if_complete(time_point now, outbox& out);

  bench_options options_;
  std::shared_ptr<bench_progress> progress_;
  std::uint64_t tick_ = 0;                               ///< running
  bool learned_ = false;
  version desired_;
  std::map<topology::address, std::uint64_t> answered_;  ///< tick last answered
  std::map<topology::address, version> active_;
  time_point since_{};                                   ///< devices have had all for the version since then
};

}  // namespace freshet::actors
