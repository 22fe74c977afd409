// The kept tokens of a UTS batch as they were before they were written for the wire. Intake, teacher
// and distiller all read them here.
// Thread contract: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/base/result.hpp"
#include "kernels/uncertainty/token_codec.hpp"
#include "topology/message/samples.hpp"

namespace freshet::actors {

/// Tokens of all samples together.
[[nodiscard]] std::uint64_t kept_tokens_of(const topology::uts_batch& batch);

/// Pixels or int8 features (without their scales): [sum kept, token_bytes]. Never trusts the batch.
result<std::vector<std::uint8_t>> unpack_tokens(const topology::uts_batch& batch,
                                                std::size_t limit_bytes = uncertainty::default_payload_limit_bytes);

/// Whether unpack_tokens() will succeed. Cheaper than doing it where pixels are coded with loss.
result<void> check_tokens(const topology::uts_batch& batch,
                          std::size_t limit_bytes = uncertainty::default_payload_limit_bytes);

/// Times which int8 features of `count` tokens are: not negative, and no feature beyond uncertainty::largest_feature.
result<void> check_scales(const host_tensor& scales, std::uint64_t count);

/// Whether a reader with the vision tower `own` (model::encoder_hash; 0: it takes no features) may read the features of
/// this batch, and its scales are right (check_scales). `who` reads, for the error.
result<void> check_encoder(const topology::uts_batch& batch, content_hash own, const char* who);

/// Whether a batch carries pixels, in whatever form.
[[nodiscard]] constexpr bool carries_patches(const topology::uts_batch& batch) noexcept {
  return batch.format == topology::token_format::patches_u8 || batch.format == topology::token_format::patches_dct;
}

}  // namespace freshet::actors
