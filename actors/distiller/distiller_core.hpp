// DISTILLER (AKD): owns the student's mirror, optimiser and replay. The TEACHER sends labelled
// batches; their leases are confirmed to INTAKE once the samples, and that their work is learned, are
// committed to the replay on the disk. When enough is new it trains a number of steps, has the COMPRESSOR
// encode the way from the mirror to what was learned, applies the encoded update to the mirror exactly as
// devices will, commits the version to the disk, and only then tells the DEPLOYER.
// What an update leaves out stays in `learned - mirror` and goes with a later one (EF21).
// It counts how often devices agree with the teacher on random probes, and tells the DEPLOYER, which may send
// it back to an earlier version.
// On overload it grants no credit beyond its queue. A restart goes on from the committed version, with the
// replay and with as many fresh samples as were committed. When a commit fails nothing goes on but its
// repetition, every second.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/distiller/distiller_store.hpp"
#include "actors/distiller/labelled_samples.hpp"
#include "actors/role.hpp"
#include "kernels/delta/layout.hpp"
#include "kernels/distill/learner.hpp"

namespace freshet::actors {

struct distiller_options {
  topology::address intake;
  topology::address compressor;
  topology::address deployer;
  std::optional<topology::address> bench;   ///< told of each learned tick in paced mode
  content_hash line;
  std::string teacher;                      ///< its name, for artefacts
  labelling_options labelling;
  std::size_t steps_per_refresh = 16;
  std::size_t refresh_samples = 64;         ///< a refresh begins with so many new labels
  duration refresh_interval = std::chrono::seconds(30);  ///< or after this time with fewer
  /// Measured need: when > 0, a due refresh is put off while the student already agrees with at
  /// least this share of the newest labels; the steps are saved, the labels stay in the replay.
  double agreement_to_sleep = 0;
  bool paused = false;                      ///< takes no labels and makes no version
  bool tell_probes = true;                  ///< false where labels are the devices' own answers
  std::size_t queue = 32;                   ///< labelled batches
};

class distiller_core final : public role_core {
 public:
  /// Without a store nothing survives a restart.
  distiller_core(distiller_options options, distill::learner learner, std::shared_ptr<const model::tokenizer> words,
                 std::unique_ptr<distiller_store> store = nullptr);

  void start(time_point now, outbox& out) override;
  void handle(const topology::address& from, const topology::any_message& m, time_point now, outbox& out) override;
  void tick(time_point now, outbox& out) override;
  bool work(time_point now, outbox& out) override;
  [[nodiscard]] std::uint32_t capacity(const topology::address& from) const override;
  [[nodiscard]] std::string stats_json() const override;
  void stop(time_point now, outbox& out) override;

  [[nodiscard]] version committed() const { return committed_; }
  [[nodiscard]] const distill::learner& learner() const { return learner_; }

 private:
  enum class phase { gathering, training, compressing, committing };
  /// What was taken into memory and is not committed.
  struct uncommitted {
    std::uint64_t lease = 0;
    distiller_store::learned_work work;
    std::vector<distill::replay::change> changes;
  };
  /// A version that is made and not committed.
  struct made_version {
    host_tensor artefact;
    version base;
  };
  void restore(outbox& out);
  void restore_memory(distiller_store::restored& kept, outbox& out);
  void tell_learned(outbox& out);
  void take(const topology::labelled_batch& batch, time_point now, outbox& out);
  bool commit_taken(time_point now, outbox& out);
  void confirm(std::uint64_t lease, const distiller_store::learned_work& work, outbox& out);
  void commit_version(time_point now, outbox& out);
  bool commit_failed(const result<void>& done, time_point now, outbox& out);
  [[nodiscard]] distiller_store::figures figures() const;
  [[nodiscard]] distiller_state state() const;
  void finish(const topology::refresh_ready& ready, time_point now, outbox& out);
  void end_tick(outbox& out);
  [[nodiscard]] bool due(time_point now) const;
  void ask_compressor(time_point now, outbox& out);
  void announce(const host_tensor& artefact, version base, outbox& out);
  void return_mirror(const topology::address& from, const topology::mirror_return& back, time_point now, outbox& out);
  /// The number of the version that is made next: those of bad ones are never used again.
  [[nodiscard]] version next_version() const {
    return version(std::max(committed_.value + 1, least_next_.value));
  }

  distiller_options options_;
  distill::learner learner_;
  std::shared_ptr<const model::tokenizer> words_;
  delta::layout layout_;
  phase phase_ = phase::gathering;
  std::deque<topology::labelled_batch> inbox_;
  std::unique_ptr<distiller_store> store_;
  learned_entries learned_;
  std::set<std::uint64_t> leases_;      ///< learned ones without an entry, the newest few thousand
  std::deque<std::uint64_t> lease_order_;
  std::optional<uncommitted> taken_;
  std::optional<made_version> made_;
  std::optional<error> fault_;          ///< why the last commit failed
  time_point retry_at_{};
  host_tensor mirror_;
  version committed_;
  version least_next_;
  std::uint64_t returns_ = 0;
  std::uint64_t samples_ = 0;
  std::uint64_t window_first_ = 0;
  std::size_t fresh_ = 0;               ///< labels since the last refresh
  std::size_t steps_left_ = 0;
  time_point oldest_fresh_{};
  std::optional<time_point> asked_;     ///< the compressor, about this refresh
  time_point announced_{};
  std::uint64_t tick_open_ = 0;         ///< paced tick whose end has come but not its version
  double loss_ = 0;
  double agreement_ = 0;
  double first_agreement_ = 0;
  std::uint64_t unsure_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t skipped_steps_ = 0;
  std::uint64_t slept_ = 0;
  std::uint64_t failed_commits_ = 0;
  double confidence_sum_ = 0;
};

}  // namespace freshet::actors
