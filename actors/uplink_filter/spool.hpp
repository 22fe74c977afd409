// What is packed and waits for credit. Bounded in samples and bytes: when it overflows, the least
// uncertain sample of all goes first, wherever it lies; its batch is then packed anew.
// Thread contract: one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "kernels/base/result.hpp"
#include "kernels/uncertainty/patch_dct.hpp"
#include "topology/message/samples.hpp"

namespace freshet::actors {

/// A sample that passed the gate, with its kept tokens as they are.
struct kept_sample {
  topology::uts_sample head;
  std::vector<std::uint8_t> patches;  ///< [kept, P]; empty when only features are sent
  std::vector<float> encoded;         ///< [kept, F] features of the encoder; empty when only patches are sent
  double estimated_bytes = 0;         ///< what the gate was told
  [[nodiscard]] std::uint64_t raw_bytes() const noexcept {
    return patches.size() + encoded.size() * sizeof(float) + head.question.size() + head.device_answer.size();
  }
};

/// Samples of one device and tick that travel together.
struct shipment {
  device_id device;
  std::uint64_t tick = 0;
  bool end_of_tick = false;
  std::uint32_t tokens_per_sample = 0;
  std::uint32_t patch_bytes = 0;
  std::uint32_t encoded_width = 0;  ///< F
  content_hash encoder;        ///< whose features they are
  std::vector<kept_sample> samples;
  topology::uts_batch packed;  ///< of `samples`, unless dirty
  bool dirty = true;
};

/// How pixels may be written.
struct pixel_form {
  bool with_loss = false;  ///< by DCT, unless the exact form is smaller
  uncertainty::dct_options dct;
};

/// Packs `samples` as patches, as features, or, when samples carry both, as whichever is smaller.
result<void> pack(shipment& s, const pixel_form& pixels);
/// What a shipment costs on the link: payload, scales, texts, bitmaps and framing (estimated).
[[nodiscard]] double wire_bytes(const topology::uts_batch& b);
/// The part of that which a sample brings besides its tokens.
[[nodiscard]] double head_bytes(const topology::uts_sample& s);

class spool {
 public:
  spool(std::size_t most_samples, std::uint64_t most_bytes) : most_samples_(most_samples), most_bytes_(most_bytes) {}

  /// Adds, then sheds what is too much; returns how many samples were shed.
  std::size_t push(shipment s);
  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
  [[nodiscard]] std::size_t shipments() const noexcept { return waiting_.size(); }
  [[nodiscard]] std::size_t samples() const noexcept { return samples_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  /// The oldest; the spool must not be empty.
  shipment pop();

 private:
  void shed_one();
  std::size_t most_samples_;
  std::uint64_t most_bytes_;
  std::size_t samples_ = 0;
  std::uint64_t bytes_ = 0;
  std::deque<shipment> waiting_;
};

}  // namespace freshet::actors
