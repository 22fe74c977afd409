#include "kernels/uncertainty/simple_gates.hpp"

namespace freshet::uncertainty {
namespace {

class threshold_policy final : public gate_policy {
 public:
  explicit threshold_policy(double cutoff) : cutoff_(cutoff) {}
  gate_opinion judge(const gate_input& sample, double) override {
    const bool wanted = static_cast<double>(sample.scores[0]) > cutoff_;
    return {wanted, sample.scores[0], wanted ? 1.0 : 0.0};
  }
  [[nodiscard]] double threshold(double) const override { return cutoff_; }

 private:
  double cutoff_;
};

class random_policy final : public gate_policy {
 public:
  explicit random_policy(std::uint64_t seed) : draws_(rng(seed).split("gate.random")) {}
  gate_opinion judge(const gate_input& sample, double share) override {
    return {draws_.chance(share), sample.scores[0], share};
  }

 private:
  rng draws_;
};

class constant_policy final : public gate_policy {
 public:
  explicit constant_policy(bool wanted) : wanted_(wanted) {}
  gate_opinion judge(const gate_input& sample, double) override {
    return {wanted_, sample.scores[0], wanted_ ? 1.0 : 0.0};
  }

 private:
  bool wanted_;
};

}  // namespace

std::unique_ptr<gate_policy> make_threshold_gate(const gate_options& options) {
  return std::make_unique<threshold_policy>(options.cutoff);
}
std::unique_ptr<gate_policy> make_random_gate(const gate_options& options) {
  return std::make_unique<random_policy>(options.seed);
}
std::unique_ptr<gate_policy> make_all_gate(const gate_options&) { return std::make_unique<constant_policy>(true); }
std::unique_ptr<gate_policy> make_none_gate(const gate_options&) { return std::make_unique<constant_policy>(false); }

}  // namespace freshet::uncertainty
