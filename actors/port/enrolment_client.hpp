// One question to an enrolment desk, and its answer. Blocks for at most `patience`.
// Thread contract: any thread.
#pragma once

#include <chrono>
#include <string>

#include "actors/rt/link_security.hpp"
#include "kernels/base/result.hpp"
#include "topology/message/control.hpp"

namespace freshet::port {

struct desk {
  std::string node;
  std::string endpoint;
  std::string public_key;   ///< 32 bytes: it is this one, or nobody
};

/// `own` is the key that the question is asked under. errc::timeout when nobody with that key answers.
result<topology::enrol_reply> ask_enrolment(const desk& at, const rt::link_keys& own,
                                            const topology::enrol_request& question,
                                            std::chrono::milliseconds patience);

}  // namespace freshet::port
