// The actor system of a process: scheduler, clock, log, the census of actors, and a shutdown that
// cannot hang. One a process (several nodes share it); stop the nodes before it goes.
// Thread contract: const members from any thread; construct and destroy on one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/rt/census.hpp"
#include "actors/rt/real_clock.hpp"

namespace caf {
class actor_system;
}
namespace spdlog {
class logger;
}

namespace freshet::rt {

struct system_options {
  std::size_t scheduler_threads = 1;    ///< for small actors; heavy ones have threads of their own
  std::size_t messages_per_turn = 16;   ///< after which another actor has its turn
  /// How long the destructor waits for actors to end before `on_hang`.
  std::chrono::milliseconds shutdown_grace{10'000};
  /// Gets the names of the actors that are left. By default they are printed and the process
  /// aborts: a daemon that cannot stop must leave a core, not a zombie.
  std::function<void(const std::vector<std::string>&)> on_hang;
  std::shared_ptr<spdlog::logger> log;  ///< the default logger when empty
  /// For tests: no thread at all; actors run when the test says so, on virtual time.
  bool deterministic = false;
};

class system {
 public:
  explicit system(system_options options = {});
  ~system();
  system(const system&) = delete;
  system& operator=(const system&) = delete;

  [[nodiscard]] caf::actor_system& actors() const;
  [[nodiscard]] const std::shared_ptr<census>& alive() const;
  /// Monotonic time; virtual when deterministic.
  [[nodiscard]] const std::shared_ptr<const time_source>& clock() const;
  [[nodiscard]] const std::shared_ptr<spdlog::logger>& log() const;
  [[nodiscard]] bool deterministic() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace freshet::rt
