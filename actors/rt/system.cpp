#include "actors/rt/system.hpp"

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include <caf/actor_clock.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <spdlog/spdlog.h>

#include "actors/protocols.hpp"

namespace freshet::rt {

namespace {

// The scheduler's clock under "testing" moves only when the test moves it.
class virtual_clock final : public time_source {
 public:
  explicit virtual_clock(const caf::actor_clock& clock) : clock_(clock) {}
  [[nodiscard]] time_point now() const override {
    return time_point(std::chrono::duration_cast<duration>(clock_.now().time_since_epoch()));
  }

 private:
  const caf::actor_clock& clock_;
};

// Never actor_system_config::parse: it would read a file from the working directory.
void configure(caf::actor_system_config& config, const system_options& options) {
  config.add_message_types<caf::id_block::freshet>();
  config.set("scheduler.policy", options.deterministic ? caf::atom("testing") : caf::atom("sharing"));
  config.set("scheduler.max-threads", options.scheduler_threads);
  config.set("scheduler.max-throughput", options.messages_per_turn);
}

void print_and_abort(const std::vector<std::string>& left) {
  std::fprintf(stderr, "freshet: shutdown hangs; %zu actors are left:\n", left.size());
  for (const auto& name : left) std::fprintf(stderr, "  %s\n", name.c_str());
  std::fflush(stderr);
  std::abort();
}

// Calls `on_hang` unless told in time that all is over.
class watchdog {
 public:
  watchdog(const census& alive, std::chrono::milliseconds grace,
           const std::function<void(const std::vector<std::string>&)>& on_hang)
      : thread_([this, &alive, grace, on_hang] {
          std::unique_lock lock(mutex_);
          if (!over_changed_.wait_for(lock, grace, [this] { return over_; })) on_hang(alive.names());
        }) {}
  ~watchdog() {
    {
      std::lock_guard lock(mutex_);
      over_ = true;
    }
    over_changed_.notify_all();
    thread_.join();
  }
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable over_changed_;
  bool over_ = false;
  std::thread thread_;  // last: it uses what stands above
};

}  // namespace

struct system::state {
  explicit state(system_options o) : options(std::move(o)) {
    if (!options.on_hang) options.on_hang = print_and_abort;
    if (!options.log) options.log = spdlog::default_logger();
    configure(config, options);
    actors = std::make_unique<caf::actor_system>(config);
    if (options.deterministic)
      clock = std::make_shared<virtual_clock>(actors->scheduler().clock());
    else
      clock = std::make_shared<real_clock>();
  }

  system_options options;
  caf::actor_system_config config;
  std::shared_ptr<census> alive = std::make_shared<census>();
  std::unique_ptr<caf::actor_system> actors;
  std::shared_ptr<const time_source> clock;
};

system::system(system_options options) : state_(std::make_unique<state>(std::move(options))) {}

system::~system() {
  watchdog guard(*state_->alive, state_->options.shutdown_grace, state_->options.on_hang);
  state_->actors.reset();
}

caf::actor_system& system::actors() const { return *state_->actors; }
const std::shared_ptr<census>& system::alive() const { return state_->alive; }
const std::shared_ptr<const time_source>& system::clock() const { return state_->clock; }
const std::shared_ptr<spdlog::logger>& system::log() const { return state_->options.log; }
bool system::deterministic() const { return state_->options.deterministic; }

}  // namespace freshet::rt
