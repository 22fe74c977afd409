// About how many bytes a message keeps in memory: its tensors, texts and lists, which is all that grows. Derived from the
// field lists, like the codec.
// Function of its argument: any thread.
#pragma once

#include "topology/message/any_message.hpp"

#include <cstddef>

namespace freshet::topology {

[[nodiscard]] std::size_t bytes_of(const any_message& m);

}  // namespace freshet::topology
