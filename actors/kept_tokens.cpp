#include "actors/kept_tokens.hpp"

#include <algorithm>
#include <string>

#include "kernels/base/hex.hpp"
#include "kernels/uncertainty/patch_dct.hpp"

namespace freshet::actors {

namespace {

using topology::token_format;

constexpr float largest_scale = uncertainty::largest_feature / 127;   // the largest level

std::vector<std::uint32_t> counts_of(const topology::uts_batch& batch) {
  std::vector<std::uint32_t> counts;
  for (const auto& sample : batch.samples) counts.push_back(sample.kept_count);
  return counts;
}

}  // namespace

std::uint64_t kept_tokens_of(const topology::uts_batch& batch) {
  std::uint64_t all = 0;
  for (const auto& sample : batch.samples) all += sample.kept_count;
  return all;
}

result<void> check_scales(const host_tensor& scales, std::uint64_t count) {
  if (scales.items() != count || (count > 0 && scales.type() != dtype::f32)) {
    return {errc::shape_mismatch, std::to_string(scales.items()) + " scales of " + std::string(name(scales.type())) + "; " +
                                      std::to_string(count) + " of f32 are right"};
  }
  const float* first = count > 0 ? scales.as<float>() : nullptr;
  const float* wrong = std::find_if(first, first + count, [](float s) { return !(s >= 0 && s <= largest_scale); });
  if (wrong == first + count) return {};
  return {errc::invalid_argument, "a scale of " + std::to_string(*wrong) + "; 0 to " + std::to_string(largest_scale) + " are right"};
}

result<void> check_encoder(const topology::uts_batch& batch, content_hash own, const char* who) {
  if (own.value == 0) {
    return {errc::unsupported, std::string("tokens came as encoder features, and the ") + who +
                                   " takes pixels only: uplink_filter.format = \"dct\" or \"patches\" is right"};
  }
  if (batch.encoder != own) {
    return {errc::wrong_base, std::string("tokens came as features of another vision tower than the ") + who + "'s: " +
                                  hex_of(batch.encoder) + ", here " + hex_of(own)};
  }
  return check_scales(batch.scales, kept_tokens_of(batch));
}

result<void> check_tokens(const topology::uts_batch& batch, std::size_t limit_bytes) {
  if (batch.format == token_format::patches_dct) {
    return uncertainty::check_dct(batch.payload.data(), batch.payload.bytes(), counts_of(batch), batch.token_bytes,
                                  limit_bytes);
  }
  FRESHET_TRY(unpack_tokens(batch, limit_bytes));
  return {};
}

result<std::vector<std::uint8_t>> unpack_tokens(const topology::uts_batch& batch, std::size_t limit_bytes) {
  const auto& payload = batch.payload;
  if (batch.format == token_format::patches_dct) {
    return uncertainty::decode_dct(payload.data(), payload.bytes(), counts_of(batch), batch.token_bytes, limit_bytes);
  }
  return uncertainty::unpack_raw(payload.data(), payload.bytes(), batch.zstd, kept_tokens_of(batch), batch.token_bytes,
                                 batch.format == token_format::patches_u8, limit_bytes);
}

}  // namespace freshet::actors
