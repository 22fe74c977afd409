// The sample gate: which samples of the stream are sent. A policy says what it wants, given the
// share that the byte budget affords at the moment; the gate adds random probes and pays.
// Thread contract: one owner; deterministic by seed and input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.hpp"
#include "kernels/base/rng.hpp"
#include "kernels/uncertainty/byte_budget.hpp"
#include "kernels/uncertainty/gate_weights.hpp"

namespace freshet::uncertainty {

struct gate_options {
  std::string name = "stratified";
  std::size_t score_count = 1;         ///< values in each gate_input
  double budget_bytes_per_sample = 0;  ///< mean over all samples seen, for gates that hold one; 0: no limit
  double bucket_samples = 256;         ///< burst: the bucket holds that many samples' budget
  double probe_share = 0.02;           ///< samples sent whatever they score, for unbiased monitoring
  std::size_t window = 512;            ///< samples that ranks are taken over
  double cutoff = 0.6931471805599453;  ///< `threshold`: send above; log 2 is the paper's confidence < 0.5
  double mix = 0.5;                    ///< `stratified`, `learned`: share of the probability that is uniform
  double novelty = 0.5;                ///< `stratified`: weight of novelty beside the mean rank of the scores
  double peak = 1.0;                   ///< `stratified`, `learned`: rank that is wanted most; 1: the very highest
  std::size_t novelty_memory = 64;     ///< sent samples that novelty is measured against
  std::uint64_t seed = 1;
};

struct gate_input {
  const float* scores = nullptr;  ///< [score_count], larger is less certain, finite
  const float* pooled = nullptr;  ///< [width] pooled features; may be absent
  std::size_t width = 0;
  double bytes = 0;               ///< what sending would cost, estimated
};

struct gate_decision {
  bool send = false;
  bool probe = false;        ///< sent, and drawn at random
  float uncertainty = 0;     ///< the policy's value; larger is less certain
  double probability = 0;    ///< with which the policy sends such a sample now; 0 or 1 for exact rules
};

/// What a policy thinks of a sample.
struct gate_opinion {
  bool wanted = false;
  float value = 0;
  double probability = 0;
};

class gate_policy {
 public:
  virtual ~gate_policy() = default;
  /// `share`: of the stream, what the budget affords now, in [0, 1].
  virtual gate_opinion judge(const gate_input& sample, double share) = 0;
  /// The sample just judged was really sent.
  virtual void sent(const gate_input&) {}
  /// The value above which samples are sent at `share`; 0 where there is no such value.
  [[nodiscard]] virtual double threshold(double) const { return 0; }
  /// Weights from the cloud; a policy that does not learn refuses them.
  virtual result<void> learn(const gate_weights& weights);
};

class gate {
 public:
  gate(std::unique_ptr<gate_policy> policy, const gate_options& options);
  gate_decision decide(const gate_input& sample);
  /// The true cost of what was sent turned out otherwise: true minus estimated bytes.
  void correct(double difference_bytes) { budget_.pay(difference_bytes); }
  result<void> learn(const gate_weights& weights) { return policy_->learn(weights); }
  [[nodiscard]] double threshold() const { return policy_->threshold(last_share_); }
  [[nodiscard]] double share() const noexcept { return last_share_; }
  [[nodiscard]] const byte_budget& budget() const noexcept { return budget_; }

 private:
  std::unique_ptr<gate_policy> policy_;
  byte_budget budget_;
  double probe_share_;
  double last_share_ = 1;
  rng probes_;
};

/// The registry: names with what they do.
struct gate_kind {
  std::string_view name;
  std::string_view meaning;
  std::unique_ptr<gate_policy> (*make)(const gate_options&) = nullptr;
  bool holds_budget = true;  ///< the others send what their rule says, whatever it costs
};
const std::vector<gate_kind>& gate_kinds();

/// Checks the options, all of them named in the error.
result<gate> make_gate(const gate_options& options);

}  // namespace freshet::uncertainty
