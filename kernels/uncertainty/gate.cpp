#include "kernels/uncertainty/gate.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/uncertainty/quantile_gate.hpp"
#include "kernels/uncertainty/simple_gates.hpp"
#include "kernels/uncertainty/stratified_gate.hpp"

namespace freshet::uncertainty {

result<void> gate_policy::learn(const gate_weights&) {
  return error{errc::unsupported, "this gate does not learn; 'learned' does"};
}

gate::gate(std::unique_ptr<gate_policy> policy, const gate_options& options)
    : policy_(std::move(policy)),
      budget_(options.budget_bytes_per_sample, options.bucket_samples),
      probe_share_(options.probe_share),
      probes_(rng(options.seed).split("gate.probes")) {}

gate_decision gate::decide(const gate_input& sample) {
  const double share = budget_.arrive(sample.bytes);
  // Probes take their part of the budget; the policy has the rest of the stream and of the budget.
  last_share_ = probe_share_ < 1 ? std::clamp((share - probe_share_) / (1.0 - probe_share_), 0.0, 1.0) : 0.0;
  const gate_opinion opinion = policy_->judge(sample, last_share_);
  const bool probe = probes_.chance(probe_share_);
  gate_decision decision;
  decision.uncertainty = opinion.value;
  decision.probability = opinion.probability;
  decision.send = (opinion.wanted || probe) && budget_.affords(sample.bytes);
  decision.probe = decision.send && probe;
  if (decision.send) {
    budget_.pay(sample.bytes);
    policy_->sent(sample);
  }
  return decision;
}

const std::vector<gate_kind>& gate_kinds() {
  static const std::vector<gate_kind> table = {
      {"stratified", "spread over scores and feature space, leaning to the uncertain and the new", make_stratified_gate,
       true},
      {"learned", "the same spread over the value of a small regression sent by the cloud", make_learned_gate, true},
      {"budget", "the top of the recent stream by score or mean rank, as many as the budget affords", make_quantile_gate,
       true},
      {"threshold", "first score above a constant, as published (arXiv 2312.16279)", make_threshold_gate, false},
      {"random", "a uniform share of the stream, as much as the budget affords", make_random_gate, true},
      {"all", "every sample", make_all_gate, false},
      {"none", "nothing but probes", make_none_gate, false},
  };
  return table;
}

result<gate> make_gate(const gate_options& o) {
  std::string problems;
  const auto require = [&](bool fine, const std::string& text) {
    if (!fine) problems += (problems.empty() ? "" : "; ") + text;
  };
  require(o.score_count >= 1 && o.score_count <= 64, "score_count " + std::to_string(o.score_count) + " (1 to 64)");
  require(std::isfinite(o.budget_bytes_per_sample) && o.budget_bytes_per_sample >= 0,
          "budget_bytes_per_sample " + std::to_string(o.budget_bytes_per_sample) + " (0 or more)");
  require(std::isfinite(o.bucket_samples) && o.bucket_samples >= 1,
          "bucket_samples " + std::to_string(o.bucket_samples) + " (1 or more)");
  require(o.probe_share >= 0 && o.probe_share <= 1, "probe_share " + std::to_string(o.probe_share) + " (0 to 1)");
  require(o.window >= 1 && o.window <= (1U << 20), "window " + std::to_string(o.window) + " (1 to 1048576)");
  require(std::isfinite(o.cutoff), "cutoff must be finite");
  require(o.mix >= 0 && o.mix <= 1, "mix " + std::to_string(o.mix) + " (0 to 1)");
  require(o.novelty >= 0 && std::isfinite(o.novelty), "novelty " + std::to_string(o.novelty) + " (0 or more)");
  require(o.peak >= 0 && o.peak <= 1, "peak " + std::to_string(o.peak) + " (0 to 1)");
  require(o.novelty_memory >= 1 && o.novelty_memory <= 4096,
          "novelty_memory " + std::to_string(o.novelty_memory) + " (1 to 4096)");
  const gate_kind* chosen = nullptr;
  std::string known;
  for (const gate_kind& kind : gate_kinds()) {
    if (kind.name == o.name) chosen = &kind;
    known += (known.empty() ? "" : ", ") + std::string(kind.name);
  }
  require(chosen != nullptr, "gate '" + o.name + "' (known: " + known + ")");
  if (!problems.empty()) return error{errc::invalid_argument, problems};
  gate_options paid = o;
  if (!chosen->holds_budget) paid.budget_bytes_per_sample = 0;
  return gate(chosen->make(paid), paid);
}

}  // namespace freshet::uncertainty
