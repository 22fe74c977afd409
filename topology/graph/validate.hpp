// Whether a graph can run: complete, unambiguous, reachable and not open to the network.
#pragma once

#include "config/problem.hpp"
#include "topology/graph/graph.hpp"

namespace freshet::topology {

/// Reports everything that is wrong. With `complete` false (entries that could not be read), what is
/// missing is not reported: it may be what could not be read.
void validate(const graph& g, bool complete, config::problems& out);

}  // namespace freshet::topology
