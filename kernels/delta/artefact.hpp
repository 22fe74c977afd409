// An artefact: one step of a line of student versions, as it lies in files and travels to devices.
// It says what it is made for, what it gives, how it was made, and carries the update payload.
// Little-endian:
//
//   artefact  := signed  signature_bytes:u8 (0 or 72)  signature  xxh3-64 of all before it: u64
//   signed    := "FRDA"  format:u8 = 1  kind:u8 (1 chain, 2 snapshot)
//                line:u64  base_version:u64  version:u64  base_hash:u64  result_hash:u64
//                codec:text  teacher:text  budget_bytes:u64  first_sample:u64  last_sample:u64
//                metric_before:f32  metric_after:f32  payload_bytes:u64  payload
//   signature := key id: 8 bytes, Ed25519ph: 64 bytes (signed_artefact.hpp)
//   text      := length:u8 (≤ 200) and that many bytes
//
// A chain artefact leads from base_version to a later one. A snapshot leads from version 0 (the
// base model itself, which every device keeps) to any version, bit for bit, and so mends a
// device that lost its place. Decoding has limits; it does not check the signature. Plain values.
#pragma once

#include "kernels/base/fields.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"
#include "kernels/delta/bytes.hpp"
#include "kernels/delta/layout.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace freshet::delta {

// Found by argument-dependent lookup from anywhere.
using freshet::operator==;
using freshet::operator!=;

enum class artefact_kind : std::uint8_t { chain = 1, snapshot = 2 };

inline constexpr std::size_t signature_bytes = 72;  ///< key id and Ed25519
inline constexpr std::size_t max_text_bytes = 200;

struct artefact {
  artefact_kind kind = artefact_kind::chain;
  content_hash line{};         ///< base model and adapter specification
  version base{};              ///< version that the payload is to be applied to
  version made{};              ///< version that results
  content_hash base_hash{};    ///< hash_values of the base
  content_hash result_hash{};  ///< hash_values of the result
  std::string codec;
  std::string teacher;
  std::uint64_t budget_bytes = 0;  ///< what the codec was allowed; all ones = unlimited
  std::uint64_t first_sample = 0;  ///< window of training data, by the cloud's sample counter
  std::uint64_t last_sample = 0;
  float metric_before = std::numeric_limits<float>::quiet_NaN();  ///< NaN = not measured
  float metric_after = std::numeric_limits<float>::quiet_NaN();
  std::vector<std::uint8_t> payload;    ///< update.hpp
  std::vector<std::uint8_t> signature;  ///< 72 bytes over signed_region, or none
  FRESHET_FIELDS(kind, line, base, made, base_hash, result_hash, codec, teacher, budget_bytes, first_sample,
                 last_sample, metric_before, metric_after, payload, signature)
};

/// An artefact whose payload lies elsewhere: of any size, without a copy.
struct artefact_view {
  artefact head;  ///< all but the payload
  byte_view payload;
};

struct artefact_limits {
  std::uint64_t payload_bytes = std::uint64_t{1} << 30;
};

/// The bytes that a signature covers.
[[nodiscard]] result<std::vector<std::uint8_t>> signed_region(const artefact& made);

/// Refuses texts and signatures of impossible length.
[[nodiscard]] result<std::vector<std::uint8_t>> encode_artefact(const artefact& made);
[[nodiscard]] result<artefact> decode_artefact(byte_view bytes, const artefact_limits& limits);
/// The same; the payload is a part of `bytes`.
[[nodiscard]] result<artefact_view> view_artefact(byte_view bytes, const artefact_limits& limits);

/// For artefacts that are written piece by piece: what stands before the payload, with payload_bytes as its last
/// 8 bytes, so that a writer can fill them in when it knows.
[[nodiscard]] result<std::vector<std::uint8_t>> artefact_head(const artefact& made, std::uint64_t payload_bytes);
/// What stands behind it; `signature` has 72 bytes or none.
[[nodiscard]] std::vector<std::uint8_t> artefact_tail(byte_view signed_region, byte_view signature);

/// Checks line, base version and base hash, applies the payload to a copy, checks the result hash,
/// and only then puts the copy in the place of `values` [total]. For a snapshot, `values` must hold
/// the base model's own values and `current` be version 0. Returns the new version.
[[nodiscard]] result<version> apply_artefact(const artefact& made, const layout& parts, content_hash line,
                                             version current, std::vector<float>& values);
/// The same in place: an error may leave rubbish in `values` [total]. For values that are larger than memory.
[[nodiscard]] result<version> apply_artefact_in_place(const artefact_view& made, const layout& parts,
                                                      content_hash line, version current, float* values);

}  // namespace freshet::delta
