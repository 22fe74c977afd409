#include "kernels/model/line.hpp"

#include <xxhash.h>

#include <cstring>
#include <string>

namespace freshet::model {
namespace {

// Little-endian, whatever the host: two hosts must agree.
void put(std::string& to, std::uint64_t word) {
  for (int shift = 0; shift < 64; shift += 8) to.push_back(static_cast<char>((word >> shift) & 0xFF));
}

void put(std::string& to, const std::string& text) {
  put(to, text.size());
  to += text;
}

}  // namespace

content_hash line_of(const multimodal& base, const lora_spec& spec, const std::string& frame_text) {
  return line_of(base.base_hash(), trainable_set::of(base.weights()), spec, frame_text);
}

content_hash line_of(std::uint64_t base_hash, const trainable_set& trained, const lora_spec& spec, const std::string& frame_text) {
  std::string bytes;
  put(bytes, base_hash);
  put(bytes, trained.signature());
  put(bytes, static_cast<std::uint64_t>(spec.rank));
  std::uint64_t alpha = 0;
  static_assert(sizeof alpha == sizeof spec.alpha);
  std::memcpy(&alpha, &spec.alpha, sizeof alpha);
  put(bytes, alpha);
  put(bytes, spec.targets.size());
  for (const std::string& target : spec.targets) put(bytes, target);
  put(bytes, spec.seed);
  if (!frame_text.empty()) put(bytes, frame_text);
  if (!spec.train_vision) put(bytes, std::string("the vision tower is frozen"));
  return content_hash(XXH3_64bits(bytes.data(), bytes.size()));
}

}  // namespace freshet::model
