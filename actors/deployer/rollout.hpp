// Which version each device should be on, and why: a state machine on times and observations that it is
// told. It knows numbers and hashes of versions, never their values.
//
//   settled ── a newer version ──▶ canary ── gate ──▶ share ── gate ──▶ settled, on it
//      │  └───── small fleets ────▶ watching (all at once) ── gate ────────────▲
//      │                              │ worse than the good one, a device died or refused it
//      ▲                              ▼
//      └── all are back, or time is up ── returning ◀── `freshet rollback`
//
// In the waves the version under trial stays the same until it is decided on; what the distiller commits
// meanwhile waits, and the newest of it is tried next. So every verdict is on a version's own answers. While
// watching, versions follow each other at once and are judged together. A version that failed, and what was
// built on it, is bad and never wanted again. Repeats are harmless: everything is told by level.
// Thread contract: one owner.
#pragma once

#include "actors/deployer/version_place.hpp"
#include "kernels/base/clock.hpp"
#include "kernels/base/result.hpp"
#include "kernels/rollout/agreement_gate.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace freshet::actors {

enum class rollout_step : std::uint8_t { settled = 0, watching = 1, canary = 2, share = 3, returning = 4 };
[[nodiscard]] const char* name(rollout_step s);

struct rollout_options {
  bool waves = true;
  bool gate = true;  ///< compare agreement
  double canary_share = 0.05;
  std::size_t canary_minimum = 3;
  double wave_share = 0.25;
  freshet::rollout::agreement_options agreement;
  duration evidence_time = std::chrono::seconds(20);
  duration patience = std::chrono::minutes(10);
  double slow_factor = 2;
  duration silent_after = std::chrono::seconds(30);
  duration rollback_within = std::chrono::seconds(30);
  std::size_t kept_versions = 3;
};

/// What a device said last.
struct device_word {
  version_place active;
  std::optional<version_place> previous;  ///< in its second slot
  std::optional<version_place> rejected;  ///< by its own test
  double answers_per_second = 0;          ///< 0 = not known
  double answer_ms = 0;                   ///< likewise
};

/// The last way back.
struct rollback_record {
  enum class outcome : std::uint8_t { under_way = 0, done = 1, failed = 2 };
  version_place from;
  version_place to;
  std::string why;
  outcome state = outcome::under_way;
  std::string failure;      ///< why it failed
  std::size_t reached = 0;  ///< devices that had a bad version
};
[[nodiscard]] const char* name(rollback_record::outcome o);

struct bad_version {
  version_place what;
  std::string why;
};

/// What survives a restart; devices and evidence come again by themselves.
struct rollout_memory {
  rollout_step step = rollout_step::settled;
  std::vector<version_place> good;  ///< the newest first
  std::optional<version_place> trial;
  std::set<device_id> members;
  std::vector<bad_version> bad;
  std::map<device_id, version_place> pins;
  std::optional<rollback_record> last;
  bool mirror_must_return = false;
};

class rollout_machine {
 public:
  explicit rollout_machine(rollout_options options);
  /// Goes on where a former life stood; the time and the evidence of a wave begin anew.
  rollout_machine(rollout_options options, rollout_memory before, time_point now);

  // --- told ------------------------------------------------------------------------------------

  /// Why this version is not taken: it is bad, or built on what is. Nothing when it may be committed.
  [[nodiscard]] std::optional<std::string> objection(const version_place& what, version base) const;
  /// The distiller committed it, on top of `base`.
  void committed(const version_place& what, version base, time_point now);
  /// It did so though there was an objection: what is built on it will be bad too.
  void objected(const version_place& what, version base);
  void heard(device_id device, const device_word& word, time_point now);
  void forget(device_id device);
  void probed(device_id device, version student, const std::string& domain, std::uint64_t asked, std::uint64_t agreed);
  /// Looks at the evidence and the time. True when it moved on: call again, keep memory(), and look at what
  /// every device should be on.
  bool advance(time_point now);

  /// An operator's. `known` are the versions that can be delivered.
  result<void> pin(device_id device, std::optional<version> to, const std::vector<version_place>& known);
  /// Without a version: from the one under trial, or else from the good one to the one before.
  result<void> roll_back(std::optional<version> to, const std::string& who, time_point now);

  // --- asked -----------------------------------------------------------------------------------

  /// False before the first commit: nothing is wanted of anyone.
  [[nodiscard]] bool knows_good() const noexcept { return !good_.empty(); }
  [[nodiscard]] const version_place& good() const { return good_.front(); }
  [[nodiscard]] const std::deque<version_place>& goods() const noexcept { return good_; }
  [[nodiscard]] const version_place& desired(device_id device) const;
  /// What a device gets that is not pinned and in the last wave.
  [[nodiscard]] const version_place& leading() const;
  [[nodiscard]] bool is_bad(const version_place& what) const;
  /// Versions that must stay deliverable.
  [[nodiscard]] std::set<version_place> needed() const;
  /// The distiller must go back to good(), and number on from least_next().
  [[nodiscard]] bool mirror_must_return() const noexcept { return mirror_must_return_; }
  [[nodiscard]] version least_next() const;

  [[nodiscard]] rollout_step step() const noexcept { return step_; }
  [[nodiscard]] const std::optional<version_place>& trial() const noexcept { return trial_; }
  [[nodiscard]] const std::set<device_id>& members() const noexcept { return members_; }
  [[nodiscard]] time_point since() const noexcept { return since_; }
  [[nodiscard]] const std::deque<bad_version>& bad() const noexcept { return bad_; }
  [[nodiscard]] const std::map<device_id, version_place>& pins() const noexcept { return pins_; }
  [[nodiscard]] const std::optional<rollback_record>& last() const noexcept { return last_; }
  [[nodiscard]] const freshet::rollout::agreement_gate& gate() const noexcept { return gate_; }
  [[nodiscard]] std::uint64_t rollbacks() const noexcept { return rollbacks_; }
  [[nodiscard]] std::uint64_t failed_rollbacks() const noexcept { return failed_rollbacks_; }
  [[nodiscard]] rollout_memory memory() const;
  /// What happened since this was last asked, for the log.
  [[nodiscard]] std::vector<std::string> news();

 private:
  struct seen_device {
    device_word word;
    time_point heard;
    device_word before;  ///< when the wave began
    std::optional<time_point> slow_since;  ///< while watching: every word since then was much slower than before
    std::string domain;  ///< of its last probe
  };

  void begin(time_point now);
  void enter(rollout_step step, time_point now);
  void promote(time_point now);
  void fail(const std::string& why, time_point now);
  void go_back(const std::string& why, const version_place& from, time_point now);
  bool follow_return(time_point now);
  bool judge(time_point now);
  [[nodiscard]] std::optional<std::string> harm(time_point now) const;
  [[nodiscard]] std::optional<std::string> refusals() const;
  [[nodiscard]] std::optional<std::string> deaths(time_point now) const;
  [[nodiscard]] std::optional<std::string> slowness(time_point now) const;
  [[nodiscard]] std::optional<std::string> slowness_while_watching(time_point now, duration at_least) const;
  void watch_pace(seen_device& d, time_point now) const;
  [[nodiscard]] bool is_alive(const seen_device& d, time_point now) const;
  [[nodiscard]] std::vector<device_id> alive(time_point now) const;
  [[nodiscard]] std::size_t canaries_of(std::size_t fleet) const;
  [[nodiscard]] std::size_t share_of(std::size_t fleet) const;
  [[nodiscard]] bool on_trial(version number) const;
  [[nodiscard]] std::size_t activated() const;
  bool fill(std::size_t wanted, time_point now);
  void mark_bad(const version_place& what, const std::string& why);
  void say(std::string text) { news_.push_back(std::move(text)); }

  rollout_options options_;
  rollout_step step_ = rollout_step::settled;
  std::deque<version_place> good_;  ///< the newest first
  std::optional<version_place> newest_;
  std::optional<version_place> trial_;
  std::vector<version_place> since_good_;  ///< committed since the trial began, it included
  std::set<device_id> members_;            ///< of the wave
  time_point since_{};
  std::deque<bad_version> bad_;
  std::map<device_id, version_place> pins_;
  std::map<device_id, seen_device> devices_;
  freshet::rollout::agreement_gate gate_;
  std::map<std::string, freshet::rollout::tally> before_;  ///< while watching: what the former window saw
  std::optional<rollback_record> last_;
  std::set<device_id> returning_;  ///< had a bad version since the way back began
  bool mirror_must_return_ = false;
  std::uint64_t rollbacks_ = 0;
  std::uint64_t failed_rollbacks_ = 0;
  std::vector<std::string> news_;
};

/// The order in which devices get a version: drawn by lot from their numbers, so that neighbours are not
/// together, and the same every time.
[[nodiscard]] std::vector<device_id> canary_order(std::vector<device_id> devices);

}  // namespace freshet::actors
