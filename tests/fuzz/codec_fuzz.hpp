// One fuzzing step of the wire codec: whatever the bytes are, decode() returns; and what it
// accepts can be written and read again to the same bits. Driven by libFuzzer
// (codec_fuzzer.cpp) and, in every test run, by random mutations of real parcels.
#pragma once

#include "kernels/base/check.hpp"
#include "kernels/base/shared_bytes.hpp"
#include "tests/support/random_message.hpp"
#include "topology/wire/bundle.hpp"
#include "topology/wire/codec.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace freshet::test_support {

/// Input grammar: u8 count, then count times u16 little-endian length, then the frames; the last
/// one takes what is left. Frames lie where they fall, so tensors are mostly misaligned.
inline std::vector<shared_bytes> split_frames(const std::uint8_t* data, std::size_t size) {
  const auto block = std::make_shared<const std::vector<std::uint8_t>>(data, data + size);
  std::vector<shared_bytes> frames;
  if (size == 0) return frames;
  const std::size_t count = data[0] % 16;
  std::size_t at = 1 + 2 * count;
  if (at > size) return frames;
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t bytes = data[1 + 2 * i] + std::size_t{256} * data[2 + 2 * i];
    if (bytes > size - at || i + 1 == count) bytes = size - at;
    frames.emplace_back(block, block->data() + at, bytes);
    at += bytes;
  }
  return frames;
}

/// The same grammar backwards; frames of 64 KiB and more do not fit.
inline std::vector<std::uint8_t> join_frames(const std::vector<shared_bytes>& frames) {
  std::vector<std::uint8_t> bytes{static_cast<std::uint8_t>(frames.size())};
  for (const auto& f : frames) {
    FRESHET_ENSURE(f.bytes() < 65536 && frames.size() < 16, "join_frames: frames too large");
    bytes.push_back(static_cast<std::uint8_t>(f.bytes() % 256));
    bytes.push_back(static_cast<std::uint8_t>(f.bytes() / 256));
  }
  for (const auto& f : frames) bytes.insert(bytes.end(), f.data(), f.data() + f.bytes());
  return bytes;
}

/// The input as one frame: whatever it claims, its parcels lie within it, and bundled again they are the same.
inline void fuzz_bundle(const std::uint8_t* data, std::size_t size) {
  const auto block = shared_bytes::of(std::vector<std::uint8_t>(data, data + size));
  if (!topology::is_bundle(block)) return;
  const auto parcels = topology::split_bundle(block, {});
  if (!parcels.ok()) {
    FRESHET_ENSURE(!parcels.err().context.empty(), "an error must say where");
    return;
  }
  topology::bundle_writer again;
  for (std::size_t i = 0; i < parcels->size(); ++i) again.add((*parcels)[i]);
  const auto second = topology::split_bundle(again.take(), {});
  FRESHET_ENSURE(second.ok(), second.err().text());
  FRESHET_ENSURE(*second == *parcels, "a bundle changed");
}

/// True when the input was a parcel.
inline bool fuzz_codec(const std::uint8_t* data, std::size_t size) {
  fuzz_bundle(data, size);
  const auto first = topology::decode(split_frames(data, size), {});
  if (!first.ok()) {
    FRESHET_ENSURE(!first.err().context.empty(), "an error must say where");
    return false;
  }
  const auto frames = topology::encode(*first);
  FRESHET_ENSURE(frames.ok(), frames.err().text());
  const auto second = topology::decode(*frames, {});
  FRESHET_ENSURE(second.ok(), second.err().text());
  FRESHET_ENSURE(same_bits(second->head, first->head), "the envelope changed");
  FRESHET_ENSURE(same_message(second->body, first->body), "the body changed");
  return true;
}

}  // namespace freshet::test_support
