#include "actors/uplink_filter/spool.hpp"

#include <algorithm>

#include "kernels/base/check.hpp"
#include "kernels/uncertainty/token_codec.hpp"

namespace freshet::actors {
namespace {

// Framing in MessagePack and ZeroMQ: position, score, flags, lengths of a sample; envelope,
// addresses, tensor descriptors of a message. Rounded from encoded messages (a test holds them to it).
constexpr double framing_of_sample = 18;
constexpr double framing_of_message = 96;

template <class T, class Of>
std::vector<T> joined(const shipment& s, Of of) {
  std::vector<T> all;
  for (const kept_sample& k : s.samples) all.insert(all.end(), of(k).begin(), of(k).end());
  return all;
}

/// Exactly, or with loss where that is allowed, smaller, and possible for patches of that form.
uncertainty::packed_tokens pack_pixels(const shipment& s, const std::vector<std::uint8_t>& patches, std::size_t count,
                                       const pixel_form& pixels, topology::token_format& format) {
  if (!pixels.with_loss || count == 0) return uncertainty::pack_patches(patches.data(), count, s.patch_bytes);
  std::vector<std::uint32_t> counts;
  for (const kept_sample& k : s.samples) counts.push_back(k.head.kept_count);
  auto coded = uncertainty::encode_dct(patches.data(), counts, s.patch_bytes, pixels.dct);
  // The probe is quick and a little above what the exact form would take; only where that comes near
  // is it worth finding out.
  constexpr double near = 1.25;
  const bool clear = coded.ok() && static_cast<double>(uncertainty::probe_patches(patches.data(), count, s.patch_bytes)) >
                                       near * static_cast<double>(coded->size());
  uncertainty::packed_tokens out;
  if (!clear) out = uncertainty::pack_patches(patches.data(), count, s.patch_bytes);
  if (clear || (coded.ok() && coded->size() < out.payload.size())) {
    format = topology::token_format::patches_dct;
    out = {false, count, s.patch_bytes, std::move(coded).value(), {}};
  }
  return out;
}

}  // namespace

double head_bytes(const topology::uts_sample& s) {
  return framing_of_sample + static_cast<double>(s.question.size() + s.device_answer.size() + s.kept.size());
}

double wire_bytes(const topology::uts_batch& b) {
  double all = framing_of_message + static_cast<double>(b.payload.bytes() + b.scales.bytes());
  for (const auto& s : b.samples) all += head_bytes(s);
  return all;
}

result<void> pack(shipment& s, const pixel_form& pixels) {
  topology::uts_batch& b = s.packed;
  b = {};
  b.device = s.device;
  b.tick = s.tick;
  b.end_of_tick = s.end_of_tick;
  b.tokens_per_sample = s.tokens_per_sample;
  std::size_t count = 0;
  for (const kept_sample& k : s.samples) {
    b.samples.push_back(k.head);
    count += k.head.kept_count;
  }
  uncertainty::packed_tokens patches, features;
  const auto all_patches = joined<std::uint8_t>(s, [](const kept_sample& k) -> const auto& { return k.patches; });
  const auto all_features = joined<float>(s, [](const kept_sample& k) -> const auto& { return k.encoded; });
  const bool as_patches = count == 0 || !all_patches.empty();
  const bool as_features = !all_features.empty();
  b.format = topology::token_format::patches_u8;
  if (as_patches) patches = pack_pixels(s, all_patches, count, pixels, b.format);
  if (as_features) {
    FRESHET_TRY_ASSIGN(features, uncertainty::pack_features(all_features.data(), count, s.encoded_width));
  }
  const bool choose_features = as_features && (!as_patches || &uncertainty::cheaper(patches, features) == &features);
  uncertainty::packed_tokens& chosen = choose_features ? features : patches;
  if (choose_features) {
    b.format = topology::token_format::features_i8;
    b.encoder = s.encoder;
  }
  b.zstd = chosen.zstd;
  b.token_bytes = static_cast<std::uint32_t>(chosen.token_bytes);
  b.payload = host_tensor::of(std::move(chosen.payload));
  if (choose_features) b.scales = host_tensor::of(std::move(chosen.scales));
  s.dirty = false;
  return {};
}

std::size_t spool::push(shipment s) {
  samples_ += s.samples.size();
  for (const kept_sample& k : s.samples) bytes_ += k.raw_bytes();
  waiting_.push_back(std::move(s));
  std::size_t shed = 0;
  while (samples_ > 0 && (samples_ > most_samples_ || bytes_ > most_bytes_)) {
    shed_one();
    ++shed;
  }
  return shed;
}

void spool::shed_one() {
  shipment* from = nullptr;
  std::size_t index = 0;
  for (shipment& s : waiting_) {
    for (std::size_t i = 0; i < s.samples.size(); ++i) {
      // Of equals the oldest: what is new says more of the world as it is.
      if (from == nullptr || s.samples[i].head.uncertainty < from->samples[index].head.uncertainty) {
        from = &s;
        index = i;
      }
    }
  }
  FRESHET_ENSURE(from != nullptr, "a spool without samples sheds none");
  bytes_ -= from->samples[index].raw_bytes();
  --samples_;
  from->samples.erase(from->samples.begin() + static_cast<std::ptrdiff_t>(index));
  from->dirty = true;
  waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(),
                                [](const shipment& s) { return s.samples.empty() && !s.end_of_tick; }),
                 waiting_.end());
}

shipment spool::pop() {
  FRESHET_ENSURE(!waiting_.empty(), "pop of an empty spool");
  shipment s = std::move(waiting_.front());
  waiting_.pop_front();
  samples_ -= s.samples.size();
  for (const kept_sample& k : s.samples) bytes_ -= k.raw_bytes();
  return s;
}

}  // namespace freshet::actors
