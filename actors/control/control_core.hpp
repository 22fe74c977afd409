// CONTROL: decides which topology runs. One a system. A change goes
//
//   plan -> prepare on every node that has something to do -> become -> finish -> applied
//                 \ refused, failed or silent too long anywhere: everyone becomes the old one again
//
// and each of these is on the disk before the nodes hear of it, so that whatever dies in between, the
// change ends applied or reverted. Level-triggered: nodes report what they are, and are told what to be
// until that is the same; a node that was away is brought along whenever it comes. How long each step may take
// says [changes] of the topology that runs.
// Thread contract: that of role_core.
#pragma once

#include "actors/control/long_answers.hpp"
#include "actors/control/revision_store.hpp"
#include "actors/role.hpp"
#include "topology/graph/graph.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace freshet::actors {

/// A process that should run: what the launcher of this host keeps up.
struct wanted_node {
  std::string name;
  std::uint64_t revision = 0;
  std::string text;  ///< the document that it starts with
  std::string file;
  std::string base_dir;
  bool await = false;  ///< starts no role until it is told to
};

struct control_options {
  /// Document to graph, with all problems in the error.
  std::function<result<topology::graph>(const std::string& text, const std::string& file, const std::string& base_dir)>
      load;
  /// Makes what newcomers need on the disk before they start. What cannot be made stops the change.
  std::function<result<void>(const topology::graph& wanted)> provide = [](const topology::graph&) { return result<void>(); };
  /// Tells the launcher which processes to run. Called again after every change of that.
  std::function<void(const std::vector<wanted_node>&)> publish = [](const std::vector<wanted_node>&) {};
  /// Milliseconds since 1970, for people only.
  std::function<std::int64_t()> wall_clock;
  duration order_again = std::chrono::seconds(1);
  std::size_t document_bytes = std::size_t{900} << 10;  ///< of a topology; a message holds 1 MiB of text
  long_answers::limits answers;
};

/// `store` has a current revision. What it calls unfinished is gone on with: reverted if its switch had
/// not begun, or else carried on.
result<std::unique_ptr<role_core>> make_control(control_options options, revision_store store);

}  // namespace freshet::actors
