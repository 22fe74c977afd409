// From a topology to running roles: which core each role of a node gets, with which options.
// Loads each model folder once a process. Everything that can be wrong with a role is found here,
// before anything runs.
// Thread contract: one owner; the factories that it hands out may be called from any actor.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/access/artefact_keys.hpp"
#include "actors/role.hpp"
#include "actors/rt/node.hpp"
#include "kernels/base/result.hpp"
#include "topology/graph/graph.hpp"

namespace freshet::actors {

struct assembly_options {
  /// Makes the core of a role of kind `bench`; unset where there is none.
  std::function<std::unique_ptr<role_core>()> bench;
  /// Whether what is made to see that it can be made is what then runs. Not while a former maker of the
  /// same role still runs: both would hold the same files.
  bool keep_first = true;
  bool with_roles = true;   ///< node() makes them too
  /// Of a run that leaves nothing behind: its artefacts are signed with these and its devices trust them,
  /// instead of the files that the settings name.
  std::shared_ptr<const access::artefact_keys> artefact_keys;
  std::shared_ptr<spdlog::logger> log;   ///< the default one when empty
};

class assembly {
 public:
  assembly(topology::graph graph, assembly_options options);
  ~assembly();

  /// All that rt::node needs to run this node: endpoints, peers, and a factory for each role.
  result<rt::node_options> node(const std::string& name);
  /// One role of the topology.
  result<rt::role_spec> role_of(const topology::role_spec& spec);

  /// Values of the student's trainable set, and their size as fp16: what a refresh is compared to.
  result<std::uint64_t> adapter_values();

 private:
  struct cache;
  topology::graph graph_;
  assembly_options options_;
  std::unique_ptr<cache> cache_;
};

}  // namespace freshet::actors
