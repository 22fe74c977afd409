// The topology as a value: nodes, roles with their settings, and who is linked to whom. Links and
// peers are not written down anywhere: they follow from the kinds of the roles (links.hpp).
// Made by load.hpp, judged by validate.hpp. Thread contract: a plain value, read only once made.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/position.hpp"
#include "config/schema/changes.hpp"
#include "config/schema/links.hpp"
#include "config/schema/logging.hpp"
#include "config/schema/role.hpp"
#include "config/schema/service.hpp"
#include "kernels/base/ids.hpp"
#include "topology/message/address.hpp"

namespace freshet::topology {

using config::role_kind;

struct node_spec {
  std::string name;
  std::vector<std::string> listen;   ///< ipc paths are absolute or relative as state_dir is
  std::string public_key;            ///< of its link key, 64 hexadecimal digits; empty: it has none
  std::string enrol;                 ///< where unknown devices hand in their token; empty: nowhere
  bool insecure = false;
  std::uint32_t threads = 1;
  std::chrono::milliseconds stop_within{5000};
  config::position at;
  config::position name_at;
  std::vector<config::position> listen_at;   ///< parallel to `listen`
  config::position public_key_at;
  config::position enrol_at;
};

/// One role: replicas are already spread out.
struct role_spec {
  std::string node;
  std::string name;
  device_id device;                  ///< of devices only
  config::role_settings settings;    ///< state_dir is filled in
  config::position at;
  config::position node_at;
  config::position name_at;
  config::position device_id_at;
  bool spread = false;               ///< one of several replicas

  [[nodiscard]] role_kind kind() const { return config::kind_of(settings); }
  [[nodiscard]] address where() const { return {node, name}; }
};

struct graph {
  std::string file;        ///< where it came from, for messages
  std::string state_dir;
  config::logging_settings logging;
  config::link_settings links;
  config::service_settings service;
  config::changes_settings changes;
  std::vector<std::string> drained;   ///< nodes of the file that are left out, as it says
  std::vector<node_spec> nodes;   ///< in the order of the file, as are roles
  std::vector<role_spec> roles;

  [[nodiscard]] const node_spec* find_node(std::string_view name) const;
  [[nodiscard]] const role_spec* find_role(const address& where) const;
  [[nodiscard]] std::vector<const role_spec*> roles_on(std::string_view node) const;
  [[nodiscard]] std::vector<const role_spec*> roles_of(role_kind kind) const;
  /// Where all roles report to, if anywhere.
  [[nodiscard]] std::optional<address> stats() const;
};

/// "STATE/NODE/ROLE": a role's own folder when its settings name none.
[[nodiscard]] std::string state_dir_of(const std::string& state_dir, const address& role);

}  // namespace freshet::topology
