#include "kernels/rollout/agreement_gate.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace freshet::rollout {
namespace {

/// A domain with less of the other side's samples is not waited for.
constexpr double common_share = 0.1;
/// Above it a loss is taken for chance.
constexpr double doubtful = 0.2;

std::string per_cent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.0f %%", 100 * share);
  return text;
}

std::string told(const tally& trial, const tally& control) {
  return "agrees on " + per_cent(trial.share()) + " of " + std::to_string(trial.asked) +
         " probes, the version before on " + per_cent(control.share()) + " of " + std::to_string(control.asked);
}

std::string place(const std::string& domain) { return domain.empty() ? "" : "in domain " + domain + " it "; }

}  // namespace

std::vector<stratum> agreement_gate::all() const {
  std::vector<stratum> out;
  for (const auto& [name, s] : domains_) out.push_back(s);
  return out;
}

tally agreement_gate::total(side who) const {
  tally out;
  for (const auto& [name, s] : domains_) {
    const tally& t = who == side::trial ? s.trial : s.control;
    out.asked += t.asked;
    out.agreed += t.agreed;
  }
  return out;
}

void agreement_gate::add(side who, const std::string& domain, std::uint64_t asked, std::uint64_t agreed) {
  if (asked == 0) return;
  const bool fits = domains_.count(domain) != 0 || domains_.size() < most_domains;
  const std::string& name = fits ? domain : "others";
  stratum& s = domains_[name];
  tally& t = who == side::trial ? s.trial : s.control;
  t.asked += asked;
  t.agreed += std::min(agreed, asked);
  if (who == side::control || !why_.empty()) return;
  look(looks_[name], {s}, options_.false_alarm / 2 / (most_domains + 1), place(name));
  look(over_all_, all(), options_.false_alarm / 2, "over all domains it ");
}

void agreement_gate::look(looks& at, const std::vector<stratum>& strata, double spent, const std::string& where) {
  tally trial;
  tally control;
  for (const stratum& s : strata) {
    if (s.trial.asked == 0 || s.control.asked == 0) continue;
    trial.asked += s.trial.asked;
    trial.agreed += s.trial.agreed;
    control.asked += s.control.asked;
    control.agreed += s.control.agreed;
  }
  if (trial.asked < at.next) return;
  at.next = std::max(trial.asked + 1, trial.asked + trial.asked / 2);
  ++at.taken;
  const auto k = static_cast<double>(at.taken);
  if (loss_of(strata) <= options_.margin || chance_of_worse(strata) > spent / (k * (k + 1))) return;
  if (why_.empty()) why_ = where + told(trial, control);
}

std::optional<std::string> agreement_gate::suspicion() const {
  for (const auto& [name, s] : domains_) {
    if (s.trial.asked < options_.domain_samples || s.control.asked == 0) continue;
    if (loss_of({s}) > options_.margin && chance_of_worse({s}) <= doubtful)
      return place(name) + told(s.trial, s.control);
  }
  if (loss_of(all()) > options_.margin && chance_of_worse(all()) <= doubtful)
    return "over all domains it " + told(total(side::trial), total(side::control));
  return std::nullopt;
}

finding agreement_gate::found() const {
  if (!why_.empty()) return finding::worse;
  const tally trial = total(side::trial);
  const tally control = total(side::control);
  if (trial.asked < options_.samples || control.asked < options_.samples) return finding::too_little;
  for (const auto& [name, s] : domains_) {
    const bool common = static_cast<double>(s.control.asked) >= common_share * static_cast<double>(control.asked);
    if (common && s.control.asked >= options_.domain_samples && s.trial.asked < options_.domain_samples)
      return finding::too_little;
  }
  return suspicion() ? finding::too_little : finding::enough;
}

}  // namespace freshet::rollout
