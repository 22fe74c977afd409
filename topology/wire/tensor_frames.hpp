// Tensors of a message as frames of their own, so that their bytes are never copied into a body.
// In the body a tensor is nil (none), or [dtype, shape [d…], frame], frame counting from 1 in the
// order of the fields; a tensor without items has no frame and says 0.
// Owned by one encode or decode call.
#pragma once

#include "kernels/base/shared_bytes.hpp"
#include "kernels/base/result.hpp"
#include "topology/wire/msgpack_reader.hpp"
#include "topology/wire/msgpack_writer.hpp"

#include <cstddef>
#include <vector>

namespace freshet::topology {

/// Collects the tensors of a message as byte views, behind the frames that its envelope and body will take.
class tensor_sink {
 public:
  tensor_sink(std::size_t before, std::size_t frames, std::size_t frame_bytes, std::size_t rank)
      : before_(before), limit_(frames), frame_bytes_(frame_bytes), rank_(rank) {
    frames_.reserve(before + 1);
    frames_.resize(before);
  }
  result<void> write(const host_tensor& t, msgpack_writer& out);
  /// All frames; the first ones are empty still.
  [[nodiscard]] std::vector<shared_bytes> take() { return std::move(frames_); }

 private:
  std::vector<shared_bytes> frames_;
  std::size_t before_;
  std::size_t limit_;
  std::size_t frame_bytes_;
  std::size_t rank_;
};

/// Gives typed tensors over the frames [first, end). A frame is used once, in order; frames that
/// nothing names are those of fields that we do not know.
class tensor_source {
 public:
  tensor_source(const shared_bytes* first, std::size_t frames, std::size_t rank)
      : first_(first), frames_(frames), rank_(rank) {}
  result<host_tensor> read(msgpack_reader& in);

 private:
  const shared_bytes* first_;
  std::size_t frames_;
  std::size_t rank_;
  std::uint64_t last_ = 0;
};

}  // namespace freshet::topology
