#include "actors/kept_tokens.hpp"

#include <string>

#include "kernels/base/hex.hpp"
#include "kernels/uncertainty/patch_dct.hpp"

namespace freshet::actors {

namespace {

using topology::token_format;

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

result<void> check_encoder(const topology::uts_batch& batch, content_hash own, const char* who) {
  if (own.value == 0) {
    return {errc::unsupported, std::string("tokens came as encoder features, and the ") + who +
                                   " takes pixels only: uplink_filter.format = \"dct\" or \"patches\" is right"};
  }
  if (batch.encoder != own) {
    return {errc::wrong_base, std::string("tokens came as features of another vision tower than the ") + who + "'s: " +
                                  hex_of(batch.encoder) + ", here " + hex_of(own)};
  }
  const std::uint64_t tokens = kept_tokens_of(batch);
  if (batch.scales.type() != dtype::f32 || batch.scales.items() != tokens) {
    return {errc::shape_mismatch, std::to_string(batch.scales.items()) + " scales for " + std::to_string(tokens) + " tokens"};
  }
  return {};
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
