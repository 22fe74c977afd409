#include "topology/wire/bundle.hpp"

#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "kernels/base/check.hpp"

namespace freshet::topology {
namespace {

constexpr std::array<std::uint8_t, 4> mark{0xc1, 0x01, 0x00, 0x00};
constexpr std::size_t word = sizeof(std::uint32_t);
constexpr std::size_t head_bytes = mark.size() + word;
constexpr std::size_t alignment = 8;
constexpr std::size_t least_frames = 2;   // envelope and body
constexpr std::size_t usual_frames = 3;   // and a tensor
// Small parcels cost more here than on the wire: what one message may become is bounded before it is looked into.
constexpr std::size_t most_bytes = std::size_t{1} << 20;
constexpr std::size_t most_parcels = 4096;
constexpr std::size_t most_frames = 16384;   // of all parcels together

std::size_t aligned(std::size_t offset) { return (offset + alignment - 1) / alignment * alignment; }

void put_word(std::vector<std::uint8_t>& to, std::size_t value) {
  FRESHET_ENSURE(value <= UINT32_MAX, "bundle: a length beyond 32 bits");
  const auto narrow = static_cast<std::uint32_t>(value);
  const auto* raw = reinterpret_cast<const std::uint8_t*>(&narrow);
  to.insert(to.end(), raw, raw + word);
}

std::uint32_t word_at(const shared_bytes& from, std::size_t offset) {
  std::uint32_t value = 0;
  std::memcpy(&value, from.data() + offset, word);
  return value;
}

error cut(std::size_t number) { return {errc::truncated, "bundle: parcel " + std::to_string(number) + " is cut short"}; }

}  // namespace

void bundle_writer::add(frame_range frames) {
  FRESHET_ENSURE(frames.size() >= least_frames, "bundle: a parcel has an envelope and a body");
  if (bytes_.empty()) {
    bytes_.assign(mark.begin(), mark.end());
    put_word(bytes_, 0);
  }
  put_word(bytes_, frames.size());
  for (const shared_bytes& f : frames) put_word(bytes_, f.bytes());
  for (const shared_bytes& f : frames) {
    bytes_.resize(aligned(bytes_.size()));
    bytes_.insert(bytes_.end(), f.data(), f.data() + f.bytes());
  }
  ++count_;
}

shared_bytes bundle_writer::take() {
  FRESHET_ENSURE(count_ > 0, "bundle: nothing was added");
  std::memcpy(bytes_.data() + mark.size(), &count_, word);
  count_ = 0;
  return shared_bytes::of(std::exchange(bytes_, {}));
}

std::uint64_t bytes_in_bundle(frame_range frames) {
  std::uint64_t sum = word * (1 + frames.size());
  for (const shared_bytes& f : frames) sum += f.bytes();
  return sum;
}

std::vector<std::uint64_t> shares_of(std::uint64_t wire_bytes, std::vector<std::uint64_t> bytes_in_bundle) {
  FRESHET_ENSURE(!bytes_in_bundle.empty(), "bundle: nobody to charge");
  for (std::size_t i = 1; i < bytes_in_bundle.size(); ++i) wire_bytes -= bytes_in_bundle[i];
  bytes_in_bundle.front() = wire_bytes;
  return bytes_in_bundle;
}

bool is_bundle(const shared_bytes& frame) { return frame.bytes() > 0 && frame.data()[0] == mark[0]; }

result<bundled_parcels> split_bundle(const shared_bytes& bundle, const wire_limits& limits) {
  const std::size_t size = bundle.bytes();
  if (size < head_bytes) return error{errc::truncated, "bundle: " + std::to_string(size) + " bytes"};
  if (std::memcmp(bundle.data(), mark.data(), mark.size()) != 0) {
    return error{errc::unsupported, "bundle: of another form than this end knows"};
  }
  if (size > most_bytes) {
    return error{errc::too_large, "bundle: " + std::to_string(size) + " bytes, at most " + std::to_string(most_bytes) + " are taken"};
  }
  const std::size_t count = word_at(bundle, mark.size());
  if (count > most_parcels) {
    return error{errc::too_large, "bundle: " + std::to_string(count) + " parcels, at most " + std::to_string(most_parcels) + " are taken"};
  }
  if (count == 0) return error{errc::corrupt, "bundle: no parcel"};
  if (count > (size - head_bytes) / (word * (1 + least_frames))) {
    return error{errc::truncated, "bundle: " + std::to_string(count) + " parcels in " + std::to_string(size) + " bytes"};
  }
  bundled_parcels parcels;
  parcels.reserve(count, count * usual_frames);
  std::size_t at = head_bytes;
  std::size_t all_frames = 0;
  for (std::size_t n = 0; n < count; ++n) {
    if (size - at < word) return cut(n);
    const std::size_t frames = word_at(bundle, at);
    at += word;
    if (frames < least_frames) return error{errc::corrupt, "bundle: parcel " + std::to_string(n) + " has " + std::to_string(frames) + " frames"};
    if (frames > limits.frames) {
      return error{errc::too_large, "bundle: parcel " + std::to_string(n) + " has " + std::to_string(frames) + " frames, at most " +
                                        std::to_string(limits.frames) + " are taken"};
    }
    all_frames += frames;
    if (all_frames > most_frames) {
      return error{errc::too_large, "bundle: more than " + std::to_string(most_frames) + " frames"};
    }
    if (size - at < word * frames) return cut(n);
    const std::size_t lengths = at;
    at += word * frames;
    for (std::size_t i = 0; i < frames; ++i) {
      const std::size_t length = word_at(bundle, lengths + word * i);
      at = aligned(at);
      if (at > size || size - at < length) return cut(n);
      parcels.add(bundle.part(at, length));
      at += length;
    }
    parcels.end_parcel();
  }
  if (at != size) return error{errc::corrupt, "bundle: " + std::to_string(size - at) + " bytes behind its last parcel"};
  return parcels;
}

}  // namespace freshet::topology
