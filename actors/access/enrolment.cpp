#include "actors/access/enrolment.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "kernels/base/hex.hpp"

namespace freshet::access {

bool token_bucket::take(time_point now) {
  if (begun_) {
    const double passed = std::chrono::duration<double>(now - filled_).count();
    level_ = std::min(at_once_, level_ + passed * per_second_);
  }
  begun_ = true;
  filled_ = now;
  if (level_ < 1) return false;
  level_ -= 1;
  return true;
}

enrolment::enrolment(access_list list, std::function<std::string()> trusted, enrolment_limits limits)
    : list_(std::move(list)),
      trusted_(std::move(trusted)),
      limits_(limits),
      all_(limits.in_all_per_second, limits.in_all_at_once) {}

bool enrolment::may_ask(const std::string& address, time_point now) {
  auto found = each_.find(address);
  if (found == each_.end()) {
    // A crowd of addresses only shares what all may have.
    if (each_.size() >= limits_.addresses) each_.clear();
    found = each_.emplace(address, token_bucket(limits_.of_one_per_second, limits_.of_one_at_once)).first;
  }
  return found->second.take(now) && all_.take(now);
}

result<void> enrolment::enrol(const std::string& key, const topology::enrol_request& asked, std::int64_t seconds) {
  if (asked.successor.empty()) {
    FRESHET_TRY(list_.redeem(asked.token, key, asked.node, seconds));
    return {};
  }
  FRESHET_TRY_ASSIGN(const auto allowed, list_.allowed());
  const auto owner = allowed.find(key);
  if (owner == allowed.end() || owner->second.node != asked.node)
    return {errc::invalid_argument, "only an allowed key of " + asked.node + " brings in its successor"};
  return list_.allow({asked.successor.begin(), asked.successor.end()}, owner->second, seconds,
                     "key " + to_hex(key).substr(0, 16));
}

topology::enrol_reply enrolment::answer(const std::string& key, const std::string& address,
                                        const topology::enrol_request& asked, time_point now, std::int64_t seconds) {
  if (!may_ask(address, now)) return {false, "too many questions; ask again in a minute", {}};
  const auto done = enrol(key, asked, seconds);
  if (!done) return {false, done.err().text(), {}};
  return {true, {}, trusted_()};
}

}  // namespace freshet::access
