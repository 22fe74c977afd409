// Which processes should run, as CONTROL last said it, and with which documents: a file in the state
// folder that CONTROL replaces as a whole and the launcher of this host looks at. It survives both.
// Thread contract: free functions; one writer.
#pragma once

#include "actors/control/control_core.hpp"
#include "kernels/base/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace freshet::cli {

struct listed_node {
  std::string name;
  std::uint64_t revision = 0;
  std::string document;  ///< path
  std::string base_dir;
  bool await = false;  ///< starts no role until CONTROL says so
};

/// Documents first, then the list that names them; documents that neither this list nor the one before names go.
result<void> write_node_list(const std::string& state_dir, const std::vector<actors::wanted_node>& nodes);
result<std::vector<listed_node>> read_node_list(const std::string& state_dir);
/// Changes whenever the list does.
[[nodiscard]] std::string node_list_stamp(const std::string& state_dir);

/// The history of a daemon's topologies.
[[nodiscard]] std::string revisions_in(const std::string& state_dir);
/// What a daemon begins with that was started with this document: see revision_store::begin.
result<actors::revision> begin_revision(const std::string& state_dir, const std::string& text, const std::string& file,
                                        const std::string& base_dir);

[[nodiscard]] std::int64_t unix_ms_now();

}  // namespace freshet::cli
