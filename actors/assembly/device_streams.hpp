// The stream of one device: the phases of its source settings, so placed that devices of a fleet
// see different samples.
// Pure functions; the factory may be called on any thread.
#pragma once

#include <cstdint>

#include "actors/device/phase_stream.hpp"
#include "config/schema/source.hpp"

namespace freshet::actors {

struct stream_place {
  std::uint32_t index = 0;    ///< of the device in its fleet, from 0
  std::uint32_t devices = 1;
  int side = 48;              ///< pixels that the student reads
  bool pictures = true;       ///< false: it reads text only
};

/// The built-in world gets a seed of its own for each device; a folder's domain is dealt out in
/// equal parts to devices and to the times that the domain comes, so that no sample is seen twice.
[[nodiscard]] stream_factory streams_for(const config::source_settings& source, const stream_place& place);

}  // namespace freshet::actors
