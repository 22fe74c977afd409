#include "actors/rt/residents.hpp"

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "topology/graph/plan.hpp"

namespace freshet::rt {

namespace {

template <class T, class = void>
struct has_device : std::false_type {};
template <class T>
struct has_device<T, std::void_t<decltype(std::declval<const T&>().device)>>
    : std::is_same<std::decay_t<decltype(std::declval<const T&>().device)>, device_id> {};

/// The device that the message is said for. What travels inside (a batch that the cloud hands on) is not.
std::optional<device_id> device_of(const topology::any_message& m) {
  return std::visit(
      [](const auto& x) -> std::optional<device_id> {
        if constexpr (has_device<std::decay_t<decltype(x)>>::value) return x.device;
        return std::nullopt;
      },
      m);
}

/// What a console has to say.
bool is_question(const topology::any_message& m) {
  return std::visit(
      [](const auto& x) {
        using message = std::decay_t<decltype(x)>;
        return std::is_same_v<message, topology::stats_request> || std::is_same_v<message, topology::stats_subscribe> ||
               std::is_same_v<message, topology::stats_taken> || std::is_same_v<message, topology::stats_end> ||
               std::is_same_v<message, topology::operator_request> || std::is_same_v<message, topology::link_hello> ||
               std::is_same_v<message, topology::link_ack> || std::is_same_v<message, topology::error_reply>;
      },
      m);
}

}  // namespace

residents::residents(town all, std::set<topology::address> open_to_consoles)
    : all_(std::move(all)), open_to_consoles_(std::move(open_to_consoles)) {}

void residents::replace(town all, std::set<topology::address> open_to_consoles) {
  std::lock_guard lock(mutex_);
  all_ = std::move(all);
  open_to_consoles_ = std::move(open_to_consoles);
}

bool residents::may_say(const topology::address& from, const topology::address& to,
                        const topology::any_message& m) const {
  std::lock_guard lock(mutex_);
  const bool of_operator = std::holds_alternative<topology::operator_request>(m);
  if (topology::is_console_name(from.node)) {
    // It asks, and under no name of a role; reports are made by those who have something to report.
    if (from.role != console_role || !is_question(m)) return false;
    return to.role == port_role || open_to_consoles_.count(to) > 0;
  }
  // A device's key runs a device: it asks nobody for changes. CONTROL tells STATS who there is.
  if (of_operator && from.role != topology::control_role) return false;
  const auto home = all_.find(from.node);
  if (home == all_.end()) return false;
  if (from.role != port_role && home->second.roles.count(from.role) == 0) return false;
  const auto device = device_of(m);
  if (!device || home->second.devices.count(*device) > 0) return true;
  // What the cloud says of a device, it says to where that lives.
  const auto there = all_.find(to.node);
  return there != all_.end() && there->second.devices.count(*device) > 0;
}

}  // namespace freshet::rt
