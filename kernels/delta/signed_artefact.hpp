// Artefacts signed and verified as the bytes that travel: the signature covers everything before it
// (line, base, version, hashes, window, payload) and names its key. A verifier looks at nothing else
// before it has judged that. Costs 72 bytes. Pure functions.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/delta/artefact.hpp"
#include "kernels/delta/ed25519.hpp"
#include "kernels/delta/trust.hpp"

#include <cstdint>
#include <vector>

namespace freshet::delta {

/// Puts a signature in, or another in the place of the one that is there.
[[nodiscard]] result<std::vector<std::uint8_t>> sign_artefact(byte_view encoded, const signing_key& key);

/// What stands behind the payload of an artefact that begins with these bytes, for artefacts that are written piece
/// by piece.
[[nodiscard]] std::vector<std::uint8_t> signed_tail(byte_view signed_region, const signing_key& key);

/// Whether a trusted key has signed these bytes. Unsigned ones are refused too.
[[nodiscard]] result<void> verify_artefact(byte_view encoded, const trust_list& trusted);

}  // namespace freshet::delta
