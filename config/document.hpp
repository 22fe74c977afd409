// One configuration: settings, nodes and roles as typed values, each with its place in the file.
// What the whole means (who is linked to whom, whether it is complete) is topology/graph's business.
// Thread contract: plain values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.hpp"
#include "config/schema/changes.hpp"
#include "config/schema/general.hpp"
#include "config/schema/links.hpp"
#include "config/schema/logging.hpp"
#include "config/schema/node.hpp"
#include "config/schema/role.hpp"
#include "config/schema/service.hpp"

namespace freshet::config {

struct node_section {
  node_settings settings;
  position at;
  position name_at;
  std::vector<position> listen_at;   ///< parallel to settings.listen
  position public_key_at;
  position enrol_at;
};

struct role_section {
  role_entry entry;
  role_settings settings;
  position at;
  position node_at;
  position name_at;
  position device_id_at;
};

struct document {
  general_settings general;
  logging_settings logging;
  link_settings links;
  service_settings service;
  changes_settings changes;
  std::vector<node_section> nodes;
  std::vector<role_section> roles;
  /// False when an entry of nodes or roles could not be read, so that what seems missing may be there.
  bool all_entries_read = true;
};

/// Reads what can be read and reports all that cannot; nothing only when the text is not TOML.
std::optional<document> read_document(std::string_view text, problems& out);

}  // namespace freshet::config
