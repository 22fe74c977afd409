// Lossless values against a base, for snapshots: the bits of value XOR base, so that what training
// never touched is zeros and what it hardly moved has a zero high byte.
//
//   exact := zstd frame of 4 × total bytes: byte 0 of every word, then byte 1, 2, 3 of every word
//
// Applying twice gives the base back; a base other than the one it was made for gives rubbish,
// which the artefact's hashes rule out. Values may be far larger than memory (files mapped into it): they are gone
// over once a plane, and only a window is held. Pure functions.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/delta/byte_sink.hpp"
#include "kernels/delta/bytes.hpp"

#include <cstdint>
#include <vector>

namespace freshet::delta {

/// Into the sink, as it is made.
[[nodiscard]] result<void> encode_exact(const float* base, const float* values, std::uint64_t count, int zstd_level,
                                        const byte_sink& sink);
/// Leaves the values as they were when it fails.
[[nodiscard]] result<void> apply_exact(byte_view bytes, std::uint64_t count, float* values);

}  // namespace freshet::delta
