// What an artefact_offer names: the hash over an artefact's bytes as they travel. Deployer and
// device both take it, so it is defined once. Pure function.
#pragma once

#include "kernels/base/ids.hpp"

#include <cstddef>
#include <cstdint>

namespace freshet::actors {

/// xxh3-64 over the bytes.
[[nodiscard]] content_hash hash_content(const std::uint8_t* bytes, std::size_t count);

}  // namespace freshet::actors
