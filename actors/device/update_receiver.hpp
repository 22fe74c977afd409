// The device's side of the downlink: pulls offered artefacts in chunks, checks them, and makes the
// next version's values ready for a swap between two inferences.
//
//   idle -- offer that fits --> pulling -- all chunks, hash right, applied to a copy --> ready
//     ^                            |                                                       | take_ready
//     +---- refused, with why <----+        confirm_active or reject <---- handed out <----+
//
// Whatever is lost, repeated, late or wrong on the way, the active values never change here: they
// change when the device says so by confirm_active. Room is bounded by max_artefact_bytes and
// three versions' values: what is large lies in scratch files (workspace.hpp), not in memory. The version before the active one is kept for going back.
// Thread contract: owned by the device's core; one thread at a time.
#pragma once

#include "actors/role.hpp"
#include "actors/workspace.hpp"
#include "kernels/base/host_tensor.hpp"
#include "kernels/delta/layout.hpp"
#include "kernels/delta/trust.hpp"

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace freshet::actors {

struct update_receiver_options {
  device_id device;
  topology::address deployer;
  delta::layout parts;
  content_hash line;
  host_tensor base;  ///< f32 [N] values of version 0, for snapshots
  /// For what is large while it arrives and is applied; empty: memory.
  std::filesystem::path scratch;
  std::uint64_t max_artefact_bytes = std::uint64_t{64} << 20;
  std::uint32_t max_chunk_bytes = std::uint32_t{16} << 20;
  std::uint32_t window_chunks = 8;                  ///< asked for and not yet here
  duration patience = std::chrono::seconds(1);      ///< without a chunk; then it asks again, later and later
  unsigned attempts = 3;                            ///< transfers of one artefact whose bytes hash wrongly
  duration refused_for = std::chrono::seconds(60);  ///< an artefact that failed is not pulled again before
  /// Whose artefacts are taken; the deployer's statements carry the list on. Empty: signatures are
  /// not looked at, for tests of the transfer alone.
  std::optional<delta::trust_list> trusted;
};

/// A version's values f32 [N], ready to be swapped in.
struct ready_update {
  host_tensor values;
  version number;
  content_hash hash;  ///< delta::hash_values of the values
};

class update_receiver {
 public:
  /// `values` f32 [N] are those of version `active`.
  update_receiver(update_receiver_options options, host_tensor values, version active);

  /// Takes artefact_offer, artefact_chunk and trust_statement; false for everything else.
  bool handle(const topology::address& from, const topology::any_message& m, time_point now, outbox& out);
  /// Asks again for what got lost.
  void tick(time_point now, outbox& out);

  /// The next version, once. Nothing else is pulled until confirm_active() or reject().
  [[nodiscard]] std::optional<ready_update> take_ready();
  /// The version that was handed out is active now.
  void confirm_active(version number);
  /// It failed the device's own test, or could not be swapped in: the active version stays.
  void reject(const std::string& why, time_point now);
  /// The active version turned out bad: hands out the one before it, as take_ready() does. Nothing
  /// when there is none.
  [[nodiscard]] std::optional<ready_update> go_back(const std::string& why, time_point now);
  /// The deployer wants what is in the second slot: take_ready() hands it out next. False when something else
  /// is there, or a version that was handed out is not decided on yet.
  bool take_slot(const topology::slot_order& order);
  /// Gives the previous slot a version that a former life left.
  void restore_previous(ready_update previous) { previous_ = std::move(previous); }

  /// What is active here. `tick` and `answered` are the device's to fill in.
  [[nodiscard]] topology::device_report report() const;
  [[nodiscard]] const ready_update& active() const noexcept { return active_; }
  [[nodiscard]] const std::optional<ready_update>& previous() const noexcept { return previous_; }
  [[nodiscard]] const std::optional<delta::trust_list>& trusted() const noexcept { return options_.trusted; }

  struct counters {
    std::uint64_t updates = 0;    ///< activated
    std::uint64_t snapshots = 0;  ///< of these, by snapshot
    std::uint64_t refused = 0;
    std::uint64_t artefact_bytes = 0;  ///< of chunks taken
    std::uint64_t asked_again = 0;
    std::uint64_t stray_chunks = 0;  ///< repeated, late or malformed
  };
  [[nodiscard]] const counters& count() const noexcept { return count_; }

 private:
  struct transfer {
    topology::artefact_offer offer;
    workspace bytes;
    std::vector<bool> here;  ///< [chunks]
    std::size_t first_missing = 0;
    std::size_t next_to_ask = 0;  ///< all missing ones below are on their way
    std::size_t on_the_way = 0;
    unsigned attempt = 1;
    unsigned waits = 0;  ///< patience lost in a row
    time_point begun;
    time_point deadline;
  };
  struct refusal {
    std::uint64_t artefact = 0;
    time_point until;
  };
  struct pending {
    ready_update what;
    std::uint64_t artefact = 0;
    bool snapshot = false;
    bool taken = false;
    bool is_return = false;  ///< to the previous slot
    content_hash keep;       ///< stays in the second slot, where it is there
  };

  void consider(const topology::artefact_offer& offer, time_point now, outbox& out);
  [[nodiscard]] bool fits(const topology::artefact_offer& offer, time_point now) const;
  void begin(const topology::artefact_offer& offer, unsigned attempt, time_point now, outbox& out);
  void take_statement(const topology::trust_statement& statement);
  void take_chunk(const topology::artefact_chunk& chunk, time_point now, outbox& out);
  void ask(outbox& out);
  void finish(time_point now, outbox& out);
  [[nodiscard]] result<ready_update> apply(const transfer& whole) const;
  void refuse_artefact(std::uint64_t artefact, const std::string& why, time_point now);
  [[nodiscard]] duration patience_of(const transfer& t) const;

  update_receiver_options options_;
  ready_update active_;
  std::optional<ready_update> previous_;
  std::optional<transfer> pulling_;
  std::optional<pending> pending_;
  std::uint64_t applied_ = 0;  ///< artefact that made the active version; 0 = none
  std::deque<refusal> refusals_;
  std::vector<std::uint8_t> refused_statement_;  ///< the last one: the deployer repeats itself
  std::string last_failure_;
  version rejected_;            ///< last one that failed the device's test
  content_hash rejected_hash_;  ///< 0: none has
  counters count_;
};

}  // namespace freshet::actors
