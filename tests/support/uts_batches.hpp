// Well-formed UTS batches for tests.
#pragma once

#include "kernels/delta/compress.hpp"
#include "topology/message/any_message.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace freshet::test {

/// Every sample keeps some of 11 tokens of 3 bytes; the payload's bytes tell samples and tokens apart.
inline topology::uts_batch batch_of(std::uint32_t device, const std::vector<std::uint64_t>& positions,
                                    std::uint64_t tick = 0, bool end = false, bool features = false,
                                    bool packed = false) {
  topology::uts_batch b;
  b.device = device_id{device};
  b.tick = tick;
  b.end_of_tick = end;
  b.tokens_per_sample = 11;
  b.token_bytes = 3;
  b.format = features ? topology::token_format::features_i8 : topology::token_format::patches_u8;
  std::vector<std::uint8_t> payload;
  std::vector<float> scales;
  for (const std::uint64_t p : positions) {
    topology::uts_sample s;
    s.position = sequence{p};
    s.question = "what colour " + std::to_string(p);
    s.uncertainty = static_cast<float>(p);
    s.kept.assign(2, 0);
    for (std::uint32_t l = 0; l < 11; ++l) {
      if ((p + l) % 3 != 0) continue;
      s.kept[l / 8] = static_cast<std::uint8_t>(s.kept[l / 8] | (1U << (l % 8)));
      ++s.kept_count;
      for (int i = 0; i < 3; ++i) payload.push_back(static_cast<std::uint8_t>(p * 16 + l));
      scales.push_back(static_cast<float>(p % 30 * 16 + l));
    }
    b.samples.push_back(s);
  }
  if (features) {
    b.scales = host_tensor::of(scales);
    b.encoder = content_hash(12);
  }
  if (packed && !payload.empty()) {
    // The packed form of token_codec.hpp with unchanged tokens, however few they are.
    payload.insert(payload.begin(), 4, std::uint8_t{0});
    payload = std::move(*delta::zstd_pack(payload, 3));
    b.zstd = true;
  }
  b.payload = host_tensor::of(payload);
  return b;
}

}  // namespace freshet::test
