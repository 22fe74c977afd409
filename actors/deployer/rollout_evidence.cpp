// What speaks against a version on trial: refusals, deaths, slowness, and the gate's finding.
#include "actors/deployer/rollout.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace freshet::actors {
namespace {

namespace gates = freshet::rollout;

/// Before and after are days apart in weather: nobody is called slow while watched before all words of an evidence_time say so, and by
/// this many times the factor.
constexpr double slow_factors_while_watching = 2;
/// In a large wave this share of the devices may refuse a version for reasons of their own.
constexpr std::size_t one_refusal_in = 50;
constexpr double death_chance = 0.01;

double median(std::vector<double> all) {
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end());
  return *middle;
}

std::string times(double x) {
  return std::to_string(std::lround(x * 10) / 10) + "." + std::to_string(std::lround(x * 10) % 10);
}

// How many times slower than before; 0 where nothing was measured.
double ms_ratio(const device_word& now, const device_word& before) {
  return now.answer_ms > 0 && before.answer_ms > 0 ? now.answer_ms / before.answer_ms : 0;
}
double rate_ratio(const device_word& now, const device_word& before) {
  return now.answers_per_second > 0 && before.answers_per_second > 0
             ? before.answers_per_second / now.answers_per_second
             : 0;
}

std::string said_of_pace(double ms, double rate, double factor) {
  return ms > factor ? "takes " + times(ms) + " times as long for an answer"
                     : "gives " + times(rate) + " times fewer answers a second";
}

}  // namespace

std::optional<std::string> rollout_machine::refusals() const {
  std::size_t refused = 0;
  std::size_t asked = 0;
  for (const auto& [id, d] : devices_) {
    if (step_ != rollout_step::watching && members_.count(id) == 0) continue;
    ++asked;
    const auto& no = d.word.rejected;
    refused += no && std::find(since_good_.begin(), since_good_.end(), *no) != since_good_.end() &&
                       (step_ == rollout_step::watching || *no == *trial_)
                   ? 1
                   : 0;
  }
  // Where all get it at once, one device alone may have a fault of its own.
  const std::size_t allowed =
      step_ == rollout_step::watching ? (asked - (asked > 0 ? 1 : 0)) / 2 : asked / one_refusal_in;
  if (refused <= allowed) return std::nullopt;
  return "failed the self-test of " + std::to_string(refused) + " of " + std::to_string(asked) + " devices";
}

std::optional<std::string> rollout_machine::deaths(time_point now) const {
  if (step_ == rollout_step::watching) return std::nullopt;  // nobody to tell a power cut from a bad version
  gates::stratum alive_ones;
  for (const auto& [id, d] : devices_) {
    const bool member = members_.count(id) != 0;
    if (member && d.word.active != *trial_) continue;
    // Silent since before the wave: none of its doing.
    if (d.heard + options_.silent_after <= since_) continue;
    gates::tally& t = member ? alive_ones.trial : alive_ones.control;
    ++t.asked;
    t.agreed += is_alive(d, now) ? 1 : 0;
  }
  const std::uint64_t lost = alive_ones.trial.asked - alive_ones.trial.agreed;
  if (lost == 0) return std::nullopt;
  const double share = 1 - alive_ones.trial.share();
  const double others = alive_ones.control.asked == 0 ? 0.0 : 1 - alive_ones.control.share();
  // A canary that dies while the others live is enough; in a larger wave some die anyway.
  const bool worse =
      step_ == rollout_step::canary ? share > 2 * others : gates::chance_of_worse({alive_ones}) <= death_chance;
  if (!worse) return std::nullopt;
  return "silenced " + std::to_string(lost) + " of " + std::to_string(alive_ones.trial.asked) + " devices for " +
         seconds_text(options_.silent_after);
}

std::optional<std::string> rollout_machine::slowness(time_point now) const {
  if (step_ == rollout_step::watching) return slowness_while_watching(now, options_.evidence_time);
  if (now - since_ < options_.evidence_time) return std::nullopt;
  std::vector<double> trial_ms, control_ms, trial_rate, control_rate;
  for (const auto& [id, d] : devices_) {
    if (!is_alive(d, now)) continue;
    const bool member = members_.count(id) != 0;
    if (member && d.word.active != *trial_) continue;
    if (const double ms = ms_ratio(d.word, d.before); ms > 0) (member ? trial_ms : control_ms).push_back(ms);
    if (const double rate = rate_ratio(d.word, d.before); rate > 0) (member ? trial_rate : control_rate).push_back(rate);
  }
  const auto slower = [&](const std::vector<double>& trial, const std::vector<double>& control) {
    if (trial.empty()) return 0.0;
    return median(trial) / (control.empty() ? 1.0 : std::max(median(control), 1e-9));
  };
  const double ms = slower(trial_ms, control_ms);
  const double rate = slower(trial_rate, control_rate);
  if (std::max(ms, rate) > options_.slow_factor) return said_of_pace(ms, rate, options_.slow_factor);
  return std::nullopt;
}

void rollout_machine::watch_pace(seen_device& d, time_point now) const {
  const bool on_watched = step_ == rollout_step::watching &&
                          std::find(since_good_.begin(), since_good_.end(), d.word.active) != since_good_.end();
  const double slower = std::max(ms_ratio(d.word, d.before), rate_ratio(d.word, d.before));
  if (!on_watched || slower <= slow_factors_while_watching * options_.slow_factor) {
    d.slow_since.reset();
  } else if (!d.slow_since) {
    d.slow_since = now;
  }
}

std::optional<std::string> rollout_machine::slowness_while_watching(time_point now, duration at_least) const {
  std::vector<double> ms, rate;
  std::size_t measured = 0;
  for (const auto& [id, d] : devices_) {
    if (!is_alive(d, now) || d.word.active == good_.front()) continue;
    const double slower_ms = ms_ratio(d.word, d.before);
    const double slower_rate = rate_ratio(d.word, d.before);
    measured += slower_ms > 0 || slower_rate > 0 ? 1 : 0;
    if (!d.slow_since || now - *d.slow_since < at_least) continue;
    ms.push_back(slower_ms);
    rate.push_back(slower_rate);
  }
  // Most of them: one alone may have a fault of its own.
  if (2 * ms.size() <= measured) return std::nullopt;
  return said_of_pace(median(ms), median(rate), slow_factors_while_watching * options_.slow_factor) + " than before";
}

std::optional<std::string> rollout_machine::harm(time_point now) const {
  if (options_.gate && gate_.found() == gates::finding::worse) return gate_.why();
  if (auto why = refusals()) return why;
  if (auto why = deaths(now)) return why;
  return slowness(now);
}

}  // namespace freshet::actors
