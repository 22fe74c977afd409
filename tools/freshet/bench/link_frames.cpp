#include "tools/freshet/bench/link_frames.hpp"

#include "topology/wire/codec.hpp"

namespace freshet::cli {

topology::uts_batch link_message(std::size_t payload_bytes) {
  topology::uts_batch b;
  b.device = device_id{1};
  b.tokens_per_sample = 64;
  b.token_bytes = static_cast<std::uint32_t>(payload_bytes / 32);
  topology::uts_sample s;
  s.question = "what colour is the large circle ?";
  s.device_answer = "red";
  s.uncertainty = 0.5F;
  s.kept.assign(8, 0x55);
  s.kept_count = 32;
  b.samples.push_back(std::move(s));
  b.payload = host_tensor::of(std::vector<std::uint8_t>(payload_bytes, 0x5a));
  return b;
}

topology::paced link_answer(std::uint64_t tick) {
  topology::paced p;
  p.device = device_id{1};
  p.tick = tick;
  return p;
}

result<link_frames> frames_of(std::size_t payload_bytes) {
  topology::parcel p;
  p.head.from = {"near", "source"};
  p.head.to = {"far", "sink"};
  p.head.life = epoch{0x123456789abcdefULL};
  p.head.to_life = epoch{0xfedcba987654321ULL};
  p.head.number = 10'000;
  p.body = link_message(payload_bytes);
  link_frames out;
  FRESHET_TRY_ASSIGN(out.message, topology::encode(p));
  std::swap(p.head.from, p.head.to);
  p.body = link_answer(10'000);
  FRESHET_TRY_ASSIGN(out.answer, topology::encode(p));
  return out;
}

}  // namespace freshet::cli
