// Where an actor runs. Chosen per role; a deterministic system overrides it, since a thread is
// the one thing that a test cannot steer.
#pragma once

#include <cstdint>

namespace freshet::rt {

enum class placement : std::uint8_t {
  shared,      ///< on the scheduler: small and quick to answer
  own_thread,  ///< heavy (tensors): never delays others, keeps its thread for life
};

}  // namespace freshet::rt
