// The cloud's side of an artefact: encodes target - mirror, moves the mirror by exactly what the
// device will decode, and writes down both hashes. What the budget left out stays in
// target - mirror and is tried again next time (error feedback, EF21: arXiv 2106.05203, with the
// mirror as the state g). Pure functions.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/delta/artefact.hpp"
#include "kernels/delta/codec.hpp"
#include "kernels/delta/layout.hpp"

#include <cstdint>
#include <vector>

namespace freshet::delta {

struct refresh_request {
  const layout& parts;
  const float* target = nullptr;                 ///< [total] what training reached
  const float* importance = nullptr;             ///< [total] or null, see encode_request
  std::uint64_t budget_bytes = unlimited_bytes;  ///< of the payload
};

struct refresh {
  artefact made;  ///< kind, versions, hashes, codec, budget and payload set, unsigned; the rest as in `label`
  std::vector<float> mirror;  ///< [total] the values after it, on cloud and device alike
};

/// A chain artefact from `mirror` [total] at `current` to the version after it. `label` gives line, teacher,
/// window and metrics.
[[nodiscard]] result<refresh> make_refresh(const refresh_request& request, const update_codec& codec,
                                           const std::vector<float>& mirror, version current, artefact label);

/// A snapshot that leads from the base model's values [total] to `mirror` [total] of version `current` > 0.
[[nodiscard]] result<artefact> make_snapshot(const layout& parts, const std::vector<float>& base,
                                             const std::vector<float>& mirror, version current, artefact label);

/// The same without its payload, which is encode_exact_update(base, mirror): for values that are larger than memory.
[[nodiscard]] result<artefact> describe_snapshot(const layout& parts, const float* base, const float* mirror,
                                                 version current, artefact label);

}  // namespace freshet::delta
