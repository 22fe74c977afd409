// The desk where keys come into the list by themselves: an unknown one with a one-time token, or a
// listed one that brings in its successor. Everything else is refused, and asking is slow: so many
// questions of one address, so many in all, and beyond these the list is not even looked at.
// Thread contract: one owner; one thread at a time.
#pragma once

#include "actors/access/access_list.hpp"
#include "kernels/base/clock.hpp"
#include "topology/message/control.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace freshet::access {

/// Grows at a steady rate up to what may come at once.
class token_bucket {
 public:
  token_bucket(double per_second, double at_once) : per_second_(per_second), at_once_(at_once), level_(at_once) {}
  /// Takes one, if there is one.
  bool take(time_point now);

 private:
  double per_second_;
  double at_once_;
  double level_;
  time_point filled_{};
  bool begun_ = false;
};

struct enrolment_limits {
  double of_one_per_second = 0.2;
  double of_one_at_once = 5;
  double in_all_per_second = 10;
  double in_all_at_once = 50;
  std::size_t addresses = 1024;   ///< remembered at most
};

class enrolment {
 public:
  /// `trusted` gives what a new device's file of artefact keys must hold; empty when this host has none.
  enrolment(access_list list, std::function<std::string()> trusted, enrolment_limits limits = {});

  /// `key` is that of the link on which it was asked, `address` where from; `seconds` since 1970.
  topology::enrol_reply answer(const std::string& key, const std::string& address,
                               const topology::enrol_request& asked, time_point now, std::int64_t seconds);

 private:
  [[nodiscard]] bool may_ask(const std::string& address, time_point now);
  result<void> enrol(const std::string& key, const topology::enrol_request& asked, std::int64_t seconds);

  access_list list_;
  std::function<std::string()> trusted_;
  enrolment_limits limits_;
  token_bucket all_;
  std::map<std::string, token_bucket> each_;
};

}  // namespace freshet::access
