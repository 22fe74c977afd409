// Who lives where: which roles a node has and which devices it may speak for. The port holds every
// message against it, so that a node cannot invent senders to take more than its share, nor report
// for another's device.
// Thread contract: all members may be called from any thread.
#pragma once

#include "kernels/base/ids.hpp"
#include "topology/message/address.hpp"
#include "topology/message/any_message.hpp"

#include <map>
#include <mutex>
#include <set>
#include <string>

namespace freshet::rt {

/// The role under which a node's port itself speaks and is spoken to.
inline constexpr const char* port_role = "port";
/// The only one that a console has.
inline constexpr const char* console_role = "console";

class residents {
 public:
  struct household {
    std::set<std::string> roles;  ///< beside its port
    std::set<device_id> devices;
  };
  using town = std::map<std::string, household>;  ///< by node

  explicit residents(town all, std::set<topology::address> open_to_consoles = {});

  /// Everything at once, when the topology changes.
  void replace(town all, std::set<topology::address> open_to_consoles);

  /// Whether `from` exists (consoles come and go), and may say this to `to`.
  [[nodiscard]] bool may_say(const topology::address& from, const topology::address& to,
                             const topology::any_message& m) const;

 private:
  mutable std::mutex mutex_;
  town all_;
  std::set<topology::address> open_to_consoles_;
};

}  // namespace freshet::rt
