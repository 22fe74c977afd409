// What the nodes of one host need on disk before the first of them starts, made where it is missing:
// the keys that artefacts are signed with, and for every device the list of those it trusts.
#pragma once

#include "kernels/base/result.hpp"
#include "topology/graph/graph.hpp"

namespace freshet::cli {

/// Leaves what is there as it is: a device that trusts other keys goes on doing so.
result<void> provision(const topology::graph& graph);

}  // namespace freshet::cli
