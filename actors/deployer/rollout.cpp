#include "actors/deployer/rollout.hpp"

#include "kernels/base/check.hpp"
#include "kernels/base/rng.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace freshet::actors {
namespace {

namespace gates = freshet::rollout;

constexpr std::size_t most_bad = 256;
constexpr std::size_t most_pins = 65536;
constexpr std::size_t most_since_good = 4096;
constexpr std::size_t most_news = 64;
/// Before and after are days apart in weather: only a loss that no weather makes within a domain counts.
constexpr double least_margin_while_watching = 0.15;
/// Every living device has reported again by then.
constexpr duration reports_come_within = std::chrono::seconds(3);

std::string named(const version_place& v) { return "version " + std::to_string(v.number.value); }

gates::agreement_options options_of(const rollout_options& o, rollout_step step) {
  gates::agreement_options out = o.agreement;
  if (step == rollout_step::watching) out.margin = std::max(out.margin, least_margin_while_watching);
  return out;
}

}  // namespace

const char* name(rollout_step s) {
  switch (s) {
    case rollout_step::settled:
      return "settled";
    case rollout_step::watching:
      return "watching";
    case rollout_step::canary:
      return "canary";
    case rollout_step::share:
      return "share";
    case rollout_step::returning:
      return "returning";
  }
  return "?";
}

const char* name(rollback_record::outcome o) {
  switch (o) {
    case rollback_record::outcome::under_way:
      return "under way";
    case rollback_record::outcome::done:
      return "done";
    case rollback_record::outcome::failed:
      return "failed";
  }
  return "?";
}

std::vector<device_id> canary_order(std::vector<device_id> devices) {
  const auto lot = [](device_id d) { return rng(d.value).split("canary").next(); };
  std::sort(devices.begin(), devices.end(),
            [&](device_id a, device_id b) { return std::pair(lot(a), a) < std::pair(lot(b), b); });
  return devices;
}

rollout_machine::rollout_machine(rollout_options options)
    : options_(options), gate_(options_of(options, rollout_step::settled)) {}

rollout_machine::rollout_machine(rollout_options options, rollout_memory before, time_point now)
    : rollout_machine(options) {
  step_ = before.step;
  good_.assign(before.good.begin(), before.good.end());
  trial_ = before.trial;
  members_ = std::move(before.members);
  bad_.assign(before.bad.begin(), before.bad.end());
  pins_ = std::move(before.pins);
  last_ = std::move(before.last);
  mirror_must_return_ = before.mirror_must_return;
  since_ = now;
  const bool in_wave = step_ == rollout_step::canary || step_ == rollout_step::share;
  // Watching needs no memory: the newest version is announced again, and looked at from then on.
  if (good_.empty() || step_ == rollout_step::watching || (in_wave && !trial_)) step_ = rollout_step::settled;
  if (step_ == rollout_step::settled || step_ == rollout_step::returning) trial_.reset();
  if (trial_) {
    newest_ = trial_;
    since_good_.push_back(*trial_);
  } else if (!good_.empty()) {
    newest_ = good_.front();
  }
}

// --- told ----------------------------------------------------------------------------------------

bool rollout_machine::is_bad(const version_place& what) const {
  return std::any_of(bad_.begin(), bad_.end(), [&](const bad_version& b) { return b.what == what; });
}

std::optional<std::string> rollout_machine::objection(const version_place& what, version base) const {
  if (good_.empty() || std::find(good_.begin(), good_.end(), what) != good_.end()) return std::nullopt;
  for (const bad_version& b : bad_) {
    if (b.what == what) return named(what) + " is bad: " + b.why;
    if (b.what.number == what.number) return named(what) + " has the number of a bad one";
    if (base != what.number && b.what.number == base)
      return named(what) + " is built on version " + std::to_string(base.value) + ", which is bad: " + b.why;
  }
  return std::nullopt;
}

void rollout_machine::objected(const version_place& what, version base) {
  mirror_must_return_ = true;
  if (!is_bad(what)) mark_bad(what, "built on version " + std::to_string(base.value));
}

void rollout_machine::committed(const version_place& what, version base, time_point now) {
  if (good_.empty()) {
    good_.push_back(what);
    newest_ = what;
    since_ = now;
    return;
  }
  if (what == good_.front() || base == good_.front().number) mirror_must_return_ = false;
  if (newest_ && *newest_ == what) return;
  newest_ = what;
  if (what == good_.front()) return;
  if (trial_) {
    if (since_good_.size() == most_since_good) since_good_.erase(since_good_.begin());
    since_good_.push_back(what);
    // A distiller that began anew: what is watched now has nothing to do with what was.
    if (step_ == rollout_step::watching && what.number < trial_->number) begin(now);
  }
}

void rollout_machine::heard(device_id device, const device_word& word, time_point now) {
  seen_device& d = devices_[device];
  d.word = word;
  d.heard = now;
  watch_pace(d, now);
  if (step_ == rollout_step::returning && is_bad(word.active)) returning_.insert(device);
}

void rollout_machine::forget(device_id device) {
  devices_.erase(device);
  members_.erase(device);
  returning_.erase(device);
}

bool rollout_machine::on_trial(version number) const {
  if (!trial_) return false;
  if (step_ == rollout_step::watching) return trial_->number <= number && number <= newest_->number;
  return trial_->number == number;
}

void rollout_machine::probed(device_id device, version student, const std::string& domain, std::uint64_t asked,
                             std::uint64_t agreed) {
  const auto known = devices_.find(device);
  if (known == devices_.end()) return;
  known->second.domain = domain;
  if (!trial_ || pins_.count(device) != 0) return;
  if (on_trial(student)) {
    if (step_ == rollout_step::watching || members_.count(device) != 0)
      gate_.add(gates::side::trial, domain, asked, agreed);
  } else if (step_ != rollout_step::watching && student == good_.front().number && members_.count(device) == 0) {
    gate_.add(gates::side::control, domain, asked, agreed);
  }
}

// --- moving on -------------------------------------------------------------------------------------

bool rollout_machine::is_alive(const seen_device& d, time_point now) const {
  return now - d.heard < options_.silent_after;
}

std::vector<device_id> rollout_machine::alive(time_point now) const {
  std::vector<device_id> out;
  for (const auto& [id, d] : devices_)
    if (is_alive(d, now) && pins_.count(id) == 0) out.push_back(id);
  return out;
}

std::size_t rollout_machine::canaries_of(std::size_t fleet) const {
  const auto share = static_cast<std::size_t>(std::ceil(options_.canary_share * static_cast<double>(fleet) - 1e-9));
  return std::max(options_.canary_minimum, share);
}

std::size_t rollout_machine::share_of(std::size_t fleet) const {
  return static_cast<std::size_t>(std::ceil(options_.wave_share * static_cast<double>(fleet) - 1e-9));
}

std::size_t rollout_machine::activated() const {
  std::size_t n = 0;
  for (const device_id id : members_) {
    const auto it = devices_.find(id);
    n += it != devices_.end() && it->second.word.active == *trial_ ? 1 : 0;
  }
  return n;
}

// The wave's members: those that it had, without the silent ones that never took the version; then others
// in their order. True when the set changed.
bool rollout_machine::fill(std::size_t wanted, time_point now) {
  const std::set<device_id> before = members_;
  for (auto it = members_.begin(); it != members_.end();) {
    const auto d = devices_.find(*it);
    const bool lost = d == devices_.end() || (!is_alive(d->second, now) && d->second.word.active != *trial_);
    // After a restart nobody has spoken yet.
    const bool early = d == devices_.end() && now - since_ < options_.silent_after;
    it = (lost && !early) || pins_.count(*it) != 0 ? members_.erase(it) : std::next(it);
  }
  const std::vector<device_id> order = canary_order(alive(now));
  std::set<std::string> covered;
  for (const device_id id : members_)
    if (const auto d = devices_.find(id); d != devices_.end()) covered.insert(d->second.domain);
  // One of each domain first: a version may be bad in one of them only.
  for (const device_id id : order) {
    if (members_.size() >= wanted) break;
    const std::string& domain = devices_.at(id).domain;
    if (!domain.empty() && members_.count(id) == 0 && covered.insert(domain).second) members_.insert(id);
  }
  for (const device_id id : order) {
    if (members_.size() >= wanted) break;
    members_.insert(id);
  }
  return members_ != before;
}

void rollout_machine::enter(rollout_step step, time_point now) {
  step_ = step;
  since_ = now;
  gate_ = gates::agreement_gate(options_of(options_, step));
  for (auto& [id, d] : devices_)
    if (d.word.active != *trial_ && !(step == rollout_step::watching && d.slow_since)) d.before = d.word;
}

void rollout_machine::begin(time_point now) {
  trial_ = newest_;
  since_good_.assign(1, *trial_);
  members_.clear();
  const std::size_t fleet = alive(now).size();
  if (options_.waves && fleet >= 2 * options_.canary_minimum) {
    enter(rollout_step::canary, now);
    fill(canaries_of(fleet), now);
    say(named(*trial_) + " goes to " + std::to_string(members_.size()) + " canaries of " + std::to_string(fleet) +
        " devices");
    return;
  }
  enter(rollout_step::watching, now);
  for (const auto& [domain, seen] : before_) gate_.add(gates::side::control, domain, seen.asked, seen.agreed);
}

void rollout_machine::promote(time_point now) {
  before_.clear();
  if (step_ == rollout_step::watching) {
    // Only where a domain has a name is before and after the same thing.
    for (const auto& [domain, seen] : gate_.domains())
      if (!domain.empty() && seen.trial.asked > 0) before_[domain] = seen.trial;
  } else {
    say(named(*trial_) + " is good: it goes to all");
  }
  good_.push_front(*trial_);
  while (good_.size() > options_.kept_versions) good_.pop_back();
  trial_.reset();
  members_.clear();
  since_good_.clear();
  step_ = rollout_step::settled;
  since_ = now;
}

void rollout_machine::mark_bad(const version_place& what, const std::string& why) {
  if (is_bad(what) || std::find(good_.begin(), good_.end(), what) != good_.end()) return;
  bad_.push_back({what, why});
  if (bad_.size() > most_bad) bad_.pop_front();
  for (auto it = pins_.begin(); it != pins_.end();) it = it->second == what ? pins_.erase(it) : std::next(it);
}

void rollout_machine::go_back(const std::string& why, const version_place& from, time_point now) {
  for (const version_place& v : since_good_)
    mark_bad(v, v == from                ? why
                : v.number < from.number ? "taken back with " + named(from)
                                         : "built on " + named(from));
  if (!is_bad(from)) mark_bad(from, why);
  trial_.reset();
  members_.clear();
  since_good_.clear();
  before_.clear();
  newest_ = good_.front();
  mirror_must_return_ = true;
  ++rollbacks_;
  last_ = rollback_record{from, good_.front(), why, rollback_record::outcome::under_way, "", 0};
  returning_.clear();
  step_ = rollout_step::returning;
  since_ = now;
  for (const auto& [id, d] : devices_)
    if (is_alive(d, now) && is_bad(d.word.active)) returning_.insert(id);
  say("back to " + named(good_.front()) + " on " + std::to_string(returning_.size()) + " devices: " + why);
  if (from.hash == good_.front().hash) {
    last_->state = rollback_record::outcome::failed;
    last_->failure = "both versions have the same values: going back changes nothing";
  }
}

void rollout_machine::fail(const std::string& why, time_point now) {
  go_back(named(*trial_) + " " + why, *trial_, now);
}

bool rollout_machine::follow_return(time_point now) {
  last_->reached = std::max(last_->reached, returning_.size());
  std::string left;
  std::size_t count = 0;
  for (const device_id id : returning_) {
    const auto d = devices_.find(id);
    // What is silent is not asked any more; when it speaks again it is sent back all the same.
    if (d == devices_.end() || !is_alive(d->second, now) || !is_bad(d->second.word.active)) continue;
    ++count;
    if (count <= 8) left += (left.empty() ? "" : ", ") + std::to_string(id.value);
  }
  const bool over = now - since_ >= options_.rollback_within;
  if (!over && (count > 0 || now - since_ < reports_come_within)) return false;
  if (count > 0) {
    if (last_->state != rollback_record::outcome::failed) ++failed_rollbacks_;
    last_->state = rollback_record::outcome::failed;
    last_->failure = "after " + seconds_text(now - since_) + " it has changed nothing on " + std::to_string(count) + " of " +
                     std::to_string(returning_.size()) + " devices: " + left + (count > 8 ? ", ..." : "");
    say("the rollback to " + named(last_->to) + " failed: " + last_->failure);
  } else if (last_->state == rollback_record::outcome::failed) {
    ++failed_rollbacks_;
    say("the rollback to " + named(last_->to) + " failed: " + last_->failure);
  } else {
    last_->state = rollback_record::outcome::done;
    say("all are back on " + named(last_->to));
  }
  step_ = rollout_step::settled;
  since_ = now;
  return true;
}

bool rollout_machine::judge(time_point now) {
  const bool watching = step_ == rollout_step::watching;
  const bool free = watching && !options_.gate;
  if (auto why = harm(now)) {
    fail(*why, now);
    return true;
  }
  if (free) {
    // Nothing to wait for.
    trial_ = newest_;
    promote(now);
    return true;
  }
  const std::size_t fleet = alive(now).size();
  bool moved = false;
  if (!watching) {
    const std::size_t wanted =
        step_ == rollout_step::canary ? canaries_of(fleet) : std::max(share_of(fleet), members_.size());
    moved = fill(std::max(wanted, members_.size()), now);
    // Nobody is on it: no evidence, however long it takes.
    if (activated() == 0) return moved;
  }
  const duration lasted = now - since_;
  if (lasted < options_.evidence_time) return moved;
  const auto suspected = options_.gate ? gate_.suspicion() : std::nullopt;
  bool enough = !options_.gate;
  if (options_.gate && watching) {
    enough = gate_.total(gates::side::trial).asked >= options_.agreement.samples && !suspected &&
             !slowness_while_watching(now, duration::zero());
  } else if (options_.gate) {
    enough = gate_.found() == gates::finding::enough;
  }
  if (!watching && 2 * activated() < members_.size()) enough = false;
  if (!enough) {
    if (lasted < options_.patience) return moved;
    if (suspected) {
      fail(*suspected + ", and more evidence has not come", now);
      return true;
    }
    if (!watching)
      say(named(*trial_) + " goes on without the evidence that was asked for: it has not come in " + seconds_text(lasted));
  }
  if (step_ == rollout_step::canary && share_of(fleet) > members_.size()) {
    enter(rollout_step::share, now);
    fill(share_of(fleet), now);
    say(named(*trial_) + " goes to " + std::to_string(members_.size()) + " of " + std::to_string(fleet) + " devices");
  } else {
    promote(now);
  }
  return true;
}

bool rollout_machine::advance(time_point now) {
  if (good_.empty()) return false;
  switch (step_) {
    case rollout_step::settled:
      if (!newest_ || *newest_ == good_.front()) return false;
      begin(now);
      return true;
    case rollout_step::returning:
      return follow_return(now);
    case rollout_step::watching:
    case rollout_step::canary:
    case rollout_step::share:
      return judge(now);
  }
  return false;
}

// --- operators ---------------------------------------------------------------------------------------

result<void> rollout_machine::pin(device_id device, std::optional<version> to,
                                  const std::vector<version_place>& known) {
  if (!to) {
    if (pins_.erase(device) == 0) return {errc::not_found, "device " + std::to_string(device.value) + " is not pinned"};
    return {};
  }
  std::string have;
  for (const version_place& v : known) {
    if (v.number == *to && !is_bad(v)) {
      if (pins_.size() >= most_pins && pins_.count(device) == 0)
        return {errc::too_large, std::to_string(most_pins) + " devices are pinned already"};
      pins_[device] = v;
      members_.erase(device);
      return {};
    }
    if (!is_bad(v)) have += (have.empty() ? "" : ", ") + std::to_string(v.number.value);
  }
  return {errc::not_found, "version " + std::to_string(to->value) + " cannot be delivered; these can: " + have};
}

result<void> rollout_machine::roll_back(std::optional<version> to, const std::string& who, time_point now) {
  if (good_.empty()) return {errc::unavailable, "no version was committed yet"};
  if (step_ == rollout_step::returning) return {errc::unavailable, "a rollback is under way"};
  const bool tried = trial_.has_value();
  std::size_t back = tried ? 0 : 1;
  std::string have;
  for (std::size_t i = tried ? 0 : 1; i < good_.size(); ++i)
    have += (have.empty() ? "" : ", ") + std::to_string(good_[i].number.value);
  if (have.empty())
    return {errc::not_found, "no good version before " + std::to_string(good_.front().number.value) + " is kept"};
  if (to) {
    while (back < good_.size() && good_[back].number != *to) ++back;
    if (back == good_.size())
      return {errc::not_found,
              "version " + std::to_string(to->value) + " is no good one that is kept; these are: " + have};
  }
  const version_place from = tried ? *newest_ : good_.front();
  const std::string why = named(from) + " was taken back by " + who;
  for (std::size_t i = 0; i < back; ++i) {
    since_good_.push_back(good_.front());
    good_.pop_front();
  }
  go_back(why, from, now);
  return {};
}

// --- asked -------------------------------------------------------------------------------------------

const version_place& rollout_machine::leading() const {
  FRESHET_ENSURE(!good_.empty(), "a version was committed");
  return step_ == rollout_step::watching ? *newest_ : good_.front();
}

const version_place& rollout_machine::desired(device_id device) const {
  if (const auto pinned = pins_.find(device); pinned != pins_.end()) return pinned->second;
  const bool in_wave = step_ == rollout_step::canary || step_ == rollout_step::share;
  return in_wave && members_.count(device) != 0 ? *trial_ : leading();
}

std::set<version_place> rollout_machine::needed() const {
  std::set<version_place> out(good_.begin(), good_.end());
  if (trial_) out.insert(*trial_);
  for (const auto& [device, what] : pins_) out.insert(what);
  return out;
}

version rollout_machine::least_next() const {
  std::uint64_t most = good_.empty() ? 0 : good_.front().number.value;
  for (const bad_version& b : bad_) most = std::max(most, b.what.number.value);
  return version(most + 1);
}

rollout_memory rollout_machine::memory() const {
  rollout_memory out;
  out.step = step_;
  out.good.assign(good_.begin(), good_.end());
  out.trial = trial_;
  out.members = members_;
  out.bad.assign(bad_.begin(), bad_.end());
  out.pins = pins_;
  out.last = last_;
  out.mirror_must_return = mirror_must_return_;
  return out;
}

std::vector<std::string> rollout_machine::news() {
  std::vector<std::string> out;
  std::swap(out, news_);
  if (out.size() > most_news) out.resize(most_news);
  return out;
}

}  // namespace freshet::actors
