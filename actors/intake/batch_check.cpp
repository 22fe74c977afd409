#include "actors/intake/batch_check.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "actors/kept_tokens.hpp"

namespace freshet::actors {
namespace {

using topology::token_format;
using topology::uts_batch;
using topology::uts_sample;

unsigned ones(std::uint8_t byte) {
  unsigned count = 0;
  for (; byte != 0; byte = static_cast<std::uint8_t>(byte & (byte - 1U))) ++count;
  return count;
}

error at_sample(errc code, std::size_t index, const std::string& what) {
  return {code, "sample " + std::to_string(index) + ": " + what};
}

result<void> check_sample(const uts_sample& sample, std::size_t index, std::uint32_t tokens,
                          const batch_limits& limits) {
  const std::size_t text = std::max(sample.question.size(), sample.device_answer.size());
  if (text > limits.text_bytes) {
    return at_sample(errc::too_large, index,
                     "text of " + std::to_string(text) + " bytes; the limit is " + std::to_string(limits.text_bytes));
  }
  if (!std::isfinite(sample.uncertainty)) return at_sample(errc::invalid_argument, index, "uncertainty is not finite");
  const std::size_t needed = (std::size_t{tokens} + 7) / 8;
  if (sample.kept.size() != needed) {
    return at_sample(errc::shape_mismatch, index,
                     "bitmap of " + std::to_string(sample.kept.size()) + " bytes; " + std::to_string(needed) +
                         " are right for " + std::to_string(tokens) + " tokens");
  }
  std::uint32_t count = 0;
  for (const std::uint8_t byte : sample.kept) count += ones(byte);
  if (count != sample.kept_count) {
    return at_sample(
        errc::corrupt, index,
        "bitmap keeps " + std::to_string(count) + " tokens, kept_count says " + std::to_string(sample.kept_count));
  }
  if (tokens % 8 != 0 && (sample.kept.back() >> (tokens % 8)) != 0) {
    return at_sample(errc::corrupt, index, "bitmap keeps tokens past the last of " + std::to_string(tokens));
  }
  return {};
}

result<void> check_payload(const uts_batch& batch, const batch_limits& limits) {
  const std::uint64_t tokens = kept_tokens_of(batch);
  const std::uint64_t needed = tokens * batch.token_bytes;  // both are bounded: samples x tokens x bytes < 2^48
  if (needed > limits.payload_bytes) {
    return {errc::too_large,
            std::to_string(needed) + " bytes of kept tokens; the limit is " + std::to_string(limits.payload_bytes)};
  }
  if (batch.payload.type() != dtype::u8) {
    return {errc::shape_mismatch, "payload of " + std::string(name(batch.payload.type())) + "; u8 is right"};
  }
  if (batch.format == token_format::patches_dct && batch.zstd) {
    return {errc::corrupt, "patches by DCT inside a zstd frame; they are never compressed twice"};
  }
  if (batch.zstd ? needed > 0 : batch.format == token_format::patches_dct) {
    const auto unpacked = check_tokens(batch, needed);
    if (!unpacked) return {unpacked.err().code, "payload: " + unpacked.err().context};
  } else if (batch.payload.bytes() != needed) {
    return {errc::shape_mismatch, "payload of " + std::to_string(batch.payload.bytes()) + " bytes; " +
                                      std::to_string(tokens) + " kept tokens need " + std::to_string(needed)};
  }
  return check_scales(batch.scales, batch.format == token_format::features_i8 ? tokens : 0);
}

/// Features are somebody's, pixels nobody's.
result<void> check_encoder_named(const uts_batch& batch) {
  const bool features = batch.format == token_format::features_i8 && kept_tokens_of(batch) > 0;
  if (features && batch.encoder == content_hash()) {
    return {errc::invalid_argument, "features, and the vision tower that made them is not named"};
  }
  if (carries_patches(batch) && !(batch.encoder == content_hash())) {
    return {errc::corrupt, "pixels, and a vision tower that would have made them"};
  }
  return {};
}

host_tensor kept_rows(const std::vector<std::uint8_t>& all, const uts_batch& batch, const std::vector<bool>& keep,
                      std::size_t row_bytes) {
  std::vector<std::uint8_t> out;
  std::size_t at = 0;
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    const std::size_t bytes = batch.samples[i].kept_count * row_bytes;
    if (keep[i]) out.insert(out.end(), all.data() + at, all.data() + at + bytes);
    at += bytes;
  }
  return host_tensor::of(std::move(out));
}

}  // namespace

result<void> check_batch(const uts_batch& batch, const batch_limits& limits) {
  if (batch.samples.size() > limits.samples) {
    return {errc::too_large,
            std::to_string(batch.samples.size()) + " samples; the limit is " + std::to_string(limits.samples)};
  }
  if (batch.tokens_per_sample > limits.tokens_per_sample) {
    return {errc::too_large, std::to_string(batch.tokens_per_sample) + " tokens a sample; the limit is " +
                                 std::to_string(limits.tokens_per_sample)};
  }
  if (batch.token_bytes > limits.token_bytes) {
    return {errc::too_large,
            std::to_string(batch.token_bytes) + " bytes a token; the limit is " + std::to_string(limits.token_bytes)};
  }
  if (!is_known(batch.format)) {
    return {errc::unsupported, "token format " + std::to_string(static_cast<unsigned>(batch.format))};
  }
  const bool text_alone = batch.tokens_per_sample == 0 && !batch.samples.empty();
  if (text_alone && (batch.token_bytes != 0 || batch.zstd || batch.format != token_format::patches_u8)) {
    return {errc::corrupt, "samples without tokens, but tokens of " + std::to_string(batch.token_bytes) + " bytes" +
                               (batch.zstd ? " in a zstd frame" : "") + " in format " +
                               std::to_string(static_cast<unsigned>(batch.format)) + "; text alone has 0 bytes in format 0"};
  }
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    FRESHET_TRY(check_sample(batch.samples[i], i, batch.tokens_per_sample, limits));
  }
  FRESHET_TRY(check_encoder_named(batch));
  return check_payload(batch, limits);
}

result<uts_batch> keep_samples(const uts_batch& batch, const std::vector<bool>& keep) {
  FRESHET_ENSURE(keep.size() == batch.samples.size(), "one flag a sample");
  uts_batch out = batch;
  out.samples.clear();
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (keep[i]) out.samples.push_back(batch.samples[i]);
  }
  std::vector<std::uint8_t> payload(batch.payload.data(), batch.payload.data() + batch.payload.bytes());
  if (batch.format == token_format::patches_dct || (batch.zstd && !payload.empty())) {
    FRESHET_TRY_ASSIGN(payload, unpack_tokens(batch));
  }
  out.zstd = false;
  // What was coded as a whole is not cut: the rest goes on as the pixels that it stands for.
  if (batch.format == token_format::patches_dct) out.format = token_format::patches_u8;
  out.payload = kept_rows(payload, batch, keep, batch.token_bytes);
  if (batch.format == token_format::features_i8 && !batch.scales.empty()) {
    const std::vector<std::uint8_t> scales(batch.scales.data(), batch.scales.data() + batch.scales.bytes());
    const host_tensor rows = kept_rows(scales, batch, keep, sizeof(float));
    out.scales =
        host_tensor::copy_of(dtype::f32, {static_cast<std::int64_t>(rows.bytes() / sizeof(float))}, rows.data());
  }
  return out;
}

std::uint64_t content_bytes(const uts_batch& batch) {
  std::uint64_t all = batch.payload.bytes() + batch.scales.bytes();
  for (const auto& sample : batch.samples) {
    all += sample.kept.size() + sample.question.size() + sample.device_answer.size();
  }
  return all;
}

}  // namespace freshet::actors
