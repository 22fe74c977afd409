// COMPRESSOR: turns what the distiller has learned into an artefact, under a byte budget.
//
//   refresh_request{mirror, target} -> codec(target - mirror) -> artefact -> refresh_ready
//
// It keeps no state between requests: what the budget left out stays in the distiller's
// target - mirror. The artefact's result hash is taken over the values that applying the encoded
// bytes gives, by the code that devices run. A request that cannot be served gets an error_reply.
// Thread contract: that of role_core; a request is one slice of work.
#pragma once

#include "actors/role.hpp"
#include "kernels/delta/layout.hpp"

#include <memory>
#include <optional>
#include <string>

namespace freshet::actors {

struct compressor_options {
  delta::layout parts;
  std::string codec = "dwc";  ///< see delta::codec_names()
  /// Of the update's payload; the smaller of the two holds, none set = unlimited. Codecs of a fixed
  /// rate fail on a smaller budget than they need.
  std::optional<std::uint64_t> budget_bytes;
  std::optional<double> budget_share;  ///< of all values at fp16
  bool use_importance = true;          ///< false: every change is worth its square
  std::uint32_t queue_limit = 4;
};

/// Fails on an unknown codec, a bad layout or options that make no sense.
result<std::unique_ptr<role_core>> make_compressor(compressor_options options);

}  // namespace freshet::actors
