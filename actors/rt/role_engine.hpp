// What a role's shell does, without the actor: a core, its links, its clock and its figures.
// Parcels and time go in; parcels, a time to come back and a wish to work come out. Exceptions of
// a core pass through: the shell catches them and ends.
// Thread contract: owned by one actor; one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/role.hpp"
#include "actors/rt/latency_meter.hpp"
#include "actors/rt/real_clock.hpp"
#include "kernels/base/clock.hpp"
#include "topology/flow/link_table.hpp"

namespace spdlog {
class logger;
}

namespace freshet::rt {

struct engine_options {
  topology::address self;
  epoch life;
  topology::link_table::options links;
  std::optional<topology::address> stats;
  duration tick_period = std::chrono::milliseconds(100);
  duration report_period = std::chrono::seconds(1);
  std::shared_ptr<const time_source> clock;
  std::shared_ptr<spdlog::logger> log;
  std::uint64_t restarts = 0;   ///< of this role before this life, for the report
  /// Messages delivered to the role and not yet handled, as its port counts them; for the report.
  std::shared_ptr<const std::atomic<std::int64_t>> waiting;
};

class role_engine final : private actors::outbox {
 public:
  role_engine(engine_options options, std::unique_ptr<actors::role_core> core);

  void start();
  /// Before the first parcel of a mail. From then on the end of one message is the beginning of the next.
  void begin_mail();
  void deliver(topology::parcel p, time_point arrived);
  /// After the last parcel of a mail: what the core can take now is granted once for all of them.
  void end_mail();
  /// One slice; call again while wants_work().
  void work();
  /// Ticks, hellos, resends and reports that are due. Early or late calls do no harm.
  void wake();
  void stop();

  /// Never true before start(). Anything that happens may give a core work, so it is asked once
  /// after each event, and then as long as it says that there is more.
  [[nodiscard]] bool wants_work() const noexcept { return wants_work_; }
  [[nodiscard]] time_point next_wake() const;
  [[nodiscard]] std::vector<topology::parcel> take_outgoing();
  /// The core's counters with the shell's under "shell" and the links' under "links".
  [[nodiscard]] std::string stats_json() const;

 private:
  // outbox, for the core's use during a call
  void send(const topology::address& to, topology::shared_message m) override;
  [[nodiscard]] std::size_t room(const topology::address& to) const override;
  [[nodiscard]] std::size_t on_the_way(const topology::address& to) const override;
  void wake_after(duration delay) override;
  void spent_on(std::string_view stage, std::uint64_t things) override;
  void passed_in(std::string_view stage, std::uint64_t things, duration took) override;
  void log(actors::log_level level, std::string text) override;

  void grant_all();
  /// After every event, so that neither a full mailbox nor a long run of slices holds the figures back.
  void report_if_due();

  engine_options options_;
  std::unique_ptr<actors::role_core> core_;
  topology::link_table links_;
  std::vector<topology::shared_message> ready_;   ///< of the parcel being delivered
  time_point started_;
  time_point now_;                       ///< of the event being handled; what cores are told
  time_point next_tick_;
  std::optional<time_point> wake_asked_;
  std::optional<time_point> next_report_;
  bool wants_work_ = false;
  std::uint64_t handled_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t slices_ = 0;
  struct stage_meter {
    latency_meter time;                  ///< of each piece that the core told of
    std::uint64_t things = 0;            ///< samples, steps or versions in them
  };
  std::map<std::string, stage_meter, std::less<>> stages_;
  time_point mark_;                      ///< up to here the time of this call is told
  latency_meter waited_;                 ///< from the port's decoding to the core
  latency_meter served_;                 ///< in handle()
  latency_meter worked_;                 ///< in work(): the longest delay that this role causes itself
};

}  // namespace freshet::rt
