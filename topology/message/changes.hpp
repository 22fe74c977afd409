// Changes of the topology while it runs, between the one CONTROL role, the AGENT of every node, and
// operators. All of it is level-triggered: orders say what a node should be, reports what it is, and
// both are repeated until they agree.
#pragma once

#include "kernels/base/fields.hpp"

#include <cstdint>
#include <string>

namespace freshet::topology {

/// Operator -> CONTROL, and its answer: one JSON document each way (tools/freshet/control_document.md).
struct operator_request {
  std::uint64_t number = 0;  ///< the operator's own, for its answer
  std::string verb;          ///< "apply", "plan", "change", "history"; "part": the next piece of a long answer
  std::string json;
  FRESHET_FIELDS(number, verb, json)
};
struct operator_answer {
  std::uint64_t number = 0;
  std::string json;         ///< of a long answer: one piece of it
  std::uint32_t part = 0;   ///< which piece this is, from 0
  std::uint32_t parts = 1;  ///< the others are asked for, one by one
  FRESHET_FIELDS(number, json, part, parts)
};

/// What a node should do about a revision.
enum class change_step : std::uint8_t {
  prepare = 1,  ///< make everything ready; change nothing
  become = 2,   ///< start and restart what it needs; leave running what it does not need
  finish = 3,   ///< stop the rest, drop what was prepared: the node is of this revision
};
[[nodiscard]] constexpr bool is_known(change_step s) noexcept {
  return s == change_step::prepare || s == change_step::become || s == change_step::finish;
}

/// CONTROL -> AGENT, until its report says that it is done.
struct topology_order {
  std::uint64_t revision = 0;
  change_step step = change_step::prepare;
  std::string file;      ///< what messages call the document
  std::string base_dir;  ///< relative folders of the document are below it
  std::string text;      ///< the document
  FRESHET_FIELDS(revision, step, file, base_dir, text)
};

/// AGENT -> CONTROL, once a second and after each change.
struct node_report {
  std::string node;
  std::uint64_t prepared = 0;  ///< revision that could be become; 0 = none
  std::uint64_t active = 0;    ///< revision that its roles are of; 0 = in between: started and not yet seen to stay up
  bool finished = false;       ///< nothing runs that `active` does not have
  std::uint64_t failed = 0;    ///< revision that could not be prepared or become, or did not last; 0 = none
  std::string failure;         ///< why
  FRESHET_FIELDS(node, prepared, active, finished, failed, failure)
};

}  // namespace freshet::topology
