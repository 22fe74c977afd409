#include "kernels/uncertainty/token_codec.hpp"

#include <zstd.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "kernels/base/check.hpp"
#include "kernels/uncertainty/patch_predictor.hpp"

namespace freshet::uncertainty {
namespace {

enum body_mode : std::uint8_t { plain = 0, predicted = 1 };
constexpr std::size_t head_bytes = 4;

// Choosing between forms is done at the fast level; what is kept is compressed well: payloads are
// tens of kilobytes, and a byte on the uplink is dearer than a microsecond here.
constexpr int probing_level = 3;
constexpr int keeping_level = 19;

std::vector<std::uint8_t> compressed(const std::vector<std::uint8_t>& content, int level) {
  std::vector<std::uint8_t> out(ZSTD_compressBound(content.size()));
  const std::size_t n = ZSTD_compress(out.data(), out.size(), content.data(), content.size(), level);
  FRESHET_ENSURE(ZSTD_isError(n) == 0, "zstd failed with room for the worst case");
  out.resize(n);
  return out;
}

std::vector<std::uint8_t> content_of(body_mode mode, const patch_layout& layout, const std::uint8_t* body,
                                     std::size_t bytes) {
  std::vector<std::uint8_t> content = {mode, 0, 0, 0};
  if (mode == predicted) content = {mode, layout.channels, layout.height, layout.width};
  content.insert(content.end(), body, body + bytes);
  return content;
}

/// The form that the fast level makes smaller: the tokens as they are, or their residuals.
std::vector<std::uint8_t> better_content(const std::uint8_t* tokens, std::size_t count, std::size_t token_bytes,
                                         const patch_layout& layout, std::size_t& probed_bytes) {
  std::vector<std::uint8_t> content = content_of(plain, layout, tokens, count * token_bytes);
  if (layout.bytes() != token_bytes) return content;
  const std::vector<std::uint8_t> residuals = to_residuals(tokens, count, layout);
  std::vector<std::uint8_t> other = content_of(predicted, layout, residuals.data(), residuals.size());
  const std::size_t as_they_are = compressed(content, probing_level).size();
  const std::size_t as_residuals = compressed(other, probing_level).size();
  probed_bytes = std::min(as_they_are, as_residuals);
  return as_residuals < as_they_are ? std::move(other) : std::move(content);
}

// Smallest of: the bytes as they are, zstd of them, zstd of their residuals (when a layout is given).
packed_tokens pack(const std::uint8_t* tokens, std::size_t count, std::size_t token_bytes, const patch_layout& layout) {
  packed_tokens packed;
  packed.count = count;
  packed.token_bytes = token_bytes;
  const std::size_t bytes = count * token_bytes;
  if (bytes == 0) return packed;
  std::size_t ignored = 0;
  const std::vector<std::uint8_t> content = better_content(tokens, count, token_bytes, layout, ignored);
  packed.payload = compressed(content, keeping_level);
  packed.zstd = packed.payload.size() < bytes;
  if (!packed.zstd) packed.payload.assign(tokens, tokens + bytes);
  return packed;
}

error corrupt(const std::string& what) { return error{errc::corrupt, "token payload: " + what}; }

result<std::vector<std::uint8_t>> unpack(const std::uint8_t* payload, std::size_t payload_bytes, bool zstd,
                                         std::size_t count, std::size_t token_bytes, bool patches,
                                         std::size_t limit_bytes) {
  if (token_bytes != 0 && count > limit_bytes / token_bytes) {
    return error{errc::too_large, "token payload: " + std::to_string(count) + " tokens of " +
                                      std::to_string(token_bytes) + " bytes, limit " + std::to_string(limit_bytes)};
  }
  const std::size_t bytes = count * token_bytes;
  if (!zstd) {
    if (payload_bytes != bytes) {
      return error{payload_bytes < bytes ? errc::truncated : errc::corrupt,
                   "token payload: " + std::to_string(payload_bytes) + " bytes, not " + std::to_string(bytes)};
    }
    return std::vector<std::uint8_t>(payload, payload + payload_bytes);
  }
  if (bytes == 0) return corrupt("a zstd frame for no tokens");
  const std::size_t expected = head_bytes + bytes;
  const unsigned long long declared = ZSTD_getFrameContentSize(payload, payload_bytes);
  if (declared == ZSTD_CONTENTSIZE_ERROR || declared == ZSTD_CONTENTSIZE_UNKNOWN) {
    return corrupt("no zstd frame that names its size");
  }
  if (declared != expected) {
    return corrupt("frame of " + std::to_string(declared) + " bytes, not " + std::to_string(expected));
  }
  const std::size_t frame = ZSTD_findFrameCompressedSize(payload, payload_bytes);
  if (ZSTD_isError(frame) != 0) return error{errc::truncated, "token payload: the zstd frame is not whole"};
  if (frame != payload_bytes) return corrupt("bytes after the zstd frame");
  std::vector<std::uint8_t> content(expected);
  const std::size_t got = ZSTD_decompress(content.data(), content.size(), payload, payload_bytes);
  if (ZSTD_isError(got) != 0 || got != expected) return corrupt("the zstd frame does not decompress");
  const patch_layout layout{content[1], content[2], content[3]};
  const std::uint8_t* body = content.data() + head_bytes;
  if (content[0] == plain) {
    if (content[1] != 0 || content[2] != 0 || content[3] != 0) return corrupt("a plain body with a layout");
    return std::vector<std::uint8_t>(body, body + bytes);
  }
  if (content[0] != predicted || !patches) {
    return error{errc::unsupported, "token payload: body mode " + std::to_string(content[0])};
  }
  if (layout.bytes() != token_bytes) {
    return corrupt("layout of " + std::to_string(layout.bytes()) + " bytes for tokens of " + std::to_string(token_bytes));
  }
  return from_residuals(body, count, layout);
}

}  // namespace

result<std::vector<std::uint8_t>> unpack_raw(const std::uint8_t* payload, std::size_t payload_bytes, bool zstd,
                                             std::size_t count, std::size_t token_bytes, bool patches,
                                             std::size_t limit_bytes) {
  return unpack(payload, payload_bytes, zstd, count, token_bytes, patches, limit_bytes);
}

std::size_t probe_patches(const std::uint8_t* patches, std::size_t count, std::size_t patch_bytes) {
  const std::size_t bytes = count * patch_bytes;
  std::size_t probed = bytes;
  if (bytes > 0) better_content(patches, count, patch_bytes, square_layout(patch_bytes), probed);
  return std::min(probed, bytes);
}

packed_tokens pack_patches(const std::uint8_t* patches, std::size_t count, std::size_t patch_bytes) {
  return pack(patches, count, patch_bytes, square_layout(patch_bytes));
}

result<std::vector<std::uint8_t>> unpack_patches(const std::uint8_t* payload, std::size_t payload_bytes, bool zstd,
                                                 std::size_t count, std::size_t patch_bytes, std::size_t limit_bytes) {
  return unpack(payload, payload_bytes, zstd, count, patch_bytes, true, limit_bytes);
}

result<packed_tokens> pack_features(const float* features, std::size_t count, std::size_t width) {
  std::vector<std::uint8_t> quantised(count * width);
  std::vector<float> scales(count);
  for (std::size_t t = 0; t < count; ++t) {
    const float* row = features + t * width;
    float largest = 0;
    for (std::size_t d = 0; d < width; ++d) {
      if (!(std::abs(row[d]) <= largest_feature)) {
        return error{errc::corrupt, "feature " + std::to_string(d) + " of token " + std::to_string(t) + " is " + std::to_string(row[d])};
      }
      largest = std::max(largest, std::abs(row[d]));
    }
    scales[t] = largest / 127.0f;
    const double inverse = scales[t] > 0 ? 1.0 / static_cast<double>(scales[t]) : 0.0;
    for (std::size_t d = 0; d < width; ++d) {
      const double q = std::clamp(std::nearbyint(static_cast<double>(row[d]) * inverse), -127.0, 127.0);
      quantised[t * width + d] = static_cast<std::uint8_t>(static_cast<std::int8_t>(q));
    }
  }
  packed_tokens packed = pack(quantised.data(), count, width, patch_layout{});
  packed.scales = std::move(scales);
  return packed;
}

result<std::vector<float>> unpack_features(const std::uint8_t* payload, std::size_t payload_bytes, bool zstd,
                                           const float* scales, std::size_t scale_count, std::size_t count,
                                           std::size_t width, std::size_t limit_bytes) {
  if (scale_count != count) {
    return error{errc::shape_mismatch, "token payload: " + std::to_string(scale_count) + " scales for " +
                                           std::to_string(count) + " tokens"};
  }
  FRESHET_TRY_ASSIGN(const std::vector<std::uint8_t> bytes,
                     unpack(payload, payload_bytes, zstd, count, width, false, limit_bytes));
  for (std::size_t t = 0; t < count; ++t) {
    if (!std::isfinite(scales[t]) || scales[t] < 0) return corrupt("scale " + std::to_string(t) + " is not a scale");
  }
  std::vector<float> features(bytes.size());
  for (std::size_t t = 0; t < count; ++t) {
    for (std::size_t d = 0; d < width; ++d) {
      features[t * width + d] = scales[t] * static_cast<float>(static_cast<std::int8_t>(bytes[t * width + d]));
    }
  }
  return features;
}

const packed_tokens& cheaper(const packed_tokens& patches, const packed_tokens& features) {
  return features.bytes() < patches.bytes() ? features : patches;
}

}  // namespace freshet::uncertainty
