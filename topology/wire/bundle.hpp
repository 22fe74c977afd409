// Several small parcels in one frame: what a ZeroMQ message costs is paid once for all of them.
//
//   bundle  := mark count parcel*            count parcels, at least one
//   mark    := %xC1 %x01 %x00 %x00           %xC1 begins no MessagePack, so no envelope
//   parcel  := frames length* frame*         frames and lengths: u32 little endian; at least two frames
//   frame   := its bytes, from the next multiple of 8 on, counted from the first byte of the bundle
//
// Functions of their arguments alone: any thread, no state, no exceptions for what the peer sent.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/base/shared_bytes.hpp"
#include "topology/wire/codec.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace freshet::topology {

/// Collects the frames of parcels (as encode() gives them) into one frame.
class bundle_writer {
 public:
  /// `expected_bytes` of the whole, so that it need not grow piece by piece.
  explicit bundle_writer(std::size_t expected_bytes = 0) { bytes_.reserve(expected_bytes); }
  /// Copies the frames.
  void add(frame_range frames);
  [[nodiscard]] std::size_t count() const { return count_; }
  /// The bundle so far; the writer is empty afterwards.
  [[nodiscard]] shared_bytes take();

 private:
  std::vector<std::uint8_t> bytes_;
  std::uint32_t count_ = 0;
};

/// What a parcel of these frames takes in a bundle, padding aside.
[[nodiscard]] std::uint64_t bytes_in_bundle(frame_range frames);

/// What each parcel of a message of `wire_bytes` is to be charged: `bytes_in_bundle` of each, and the first one also
/// what the bundle itself adds. One parcel alone is charged the whole.
[[nodiscard]] std::vector<std::uint64_t> shares_of(std::uint64_t wire_bytes, std::vector<std::uint64_t> bytes_in_bundle);

/// True for a frame that begins as a bundle does; nothing else that we send or take does.
[[nodiscard]] bool is_bundle(const shared_bytes& frame);

/// The parcels of a bundle, in order: one list of frames for all.
class bundled_parcels {
 public:
  [[nodiscard]] std::size_t size() const { return ends_.size(); }
  frame_range operator[](std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return {frames_.data() + begin, ends_[i] - begin};
  }
  friend bool operator==(const bundled_parcels& a, const bundled_parcels& b) { return a.ends_ == b.ends_ && a.frames_ == b.frames_; }
  void reserve(std::size_t parcels, std::size_t frames) {
    ends_.reserve(parcels);
    frames_.reserve(frames);
  }
  /// To the parcel that end_parcel() ends.
  void add(shared_bytes frame) { frames_.push_back(std::move(frame)); }
  void end_parcel() { ends_.push_back(frames_.size()); }

 private:
  std::vector<shared_bytes> frames_;
  std::vector<std::size_t> ends_;   ///< of each parcel in frames_
};

/// The frames of each parcel, in order; they share the bundle's memory. At most 1 MiB, 4096 parcels and 16384 frames.
/// Errors: truncated, corrupt, too_large, and unsupported for a bundle of another form (a later sender's). Counts are held
/// to the bytes that are there before anything is allocated for them.
result<bundled_parcels> split_bundle(const shared_bytes& bundle, const wire_limits& limits = {});

}  // namespace freshet::topology
