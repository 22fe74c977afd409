// The quality gate of a wave: a running comparison of how often devices on a new version and devices on
// the version before it say what the teacher says, domain by domain and over all domains.
//
// It looks again whenever the trial side has grown by half, and spends `false_alarm` over its looks: half
// on all domains together, half on the single ones, 1 / (k (k + 1)) of that on the k-th look. Each look is an
// exact test, so a version that is not worse is called worse with a chance of at most `false_alarm`, however
// long the wave lasts. Besides, a loss counts only above `margin`.
// Thread contract: one owner.
#pragma once

#include "kernels/rollout/comparison.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace freshet::rollout {

struct agreement_options {
  std::uint64_t samples = 30;        ///< of each side, before there is enough
  std::uint64_t domain_samples = 8;  ///< of the trial side in every domain that the other side meets often
  double margin = 0.05;
  double false_alarm = 0.01;
};

enum class side : std::uint8_t { trial, control };
enum class finding : std::uint8_t {
  too_little,  ///< nothing is shown yet
  enough,      ///< the trial is about as good
  worse,       ///< it is not; for good
};

class agreement_gate {
 public:
  /// Further domains count as one, "others".
  static constexpr std::size_t most_domains = 16;

  explicit agreement_gate(agreement_options options) : options_(options) {}

  /// `domain` is empty where it is not known.
  void add(side who, const std::string& domain, std::uint64_t asked, std::uint64_t agreed);
  [[nodiscard]] finding found() const;
  /// What speaks against the trial though it is not shown: a loss above the margin. Nothing when nothing does.
  [[nodiscard]] std::optional<std::string> suspicion() const;
  /// Why it is worse.
  [[nodiscard]] const std::string& why() const noexcept { return why_; }
  [[nodiscard]] tally total(side who) const;
  [[nodiscard]] const std::map<std::string, stratum>& domains() const noexcept { return domains_; }

 private:
  struct looks {
    std::uint64_t next = 8;  ///< trial samples
    std::uint64_t taken = 0;
  };
  void look(looks& at, const std::vector<stratum>& strata, double spent, const std::string& where);
  [[nodiscard]] std::vector<stratum> all() const;

  agreement_options options_;
  std::map<std::string, stratum> domains_;
  std::map<std::string, looks> looks_;
  looks over_all_;
  std::string why_;
};

}  // namespace freshet::rollout
