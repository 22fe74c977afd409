#include "topology/wire/tensor_frames.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace freshet::topology {
namespace {

constexpr auto last_dtype = static_cast<std::uint64_t>(dtype::f64);

bool aligned(const shared_bytes& frame, dtype type) {
  return reinterpret_cast<std::uintptr_t>(frame.data()) % item_bytes(type) == 0;
}

result<std::vector<std::int64_t>> read_shape(msgpack_reader& in, std::size_t rank) {
  FRESHET_TRY_ASSIGN(const std::size_t dimensions, in.enter_array());
  if (dimensions > rank) {
    return error{errc::too_large, ": tensor of " + std::to_string(dimensions) + " dimensions, at most " +
                                      std::to_string(rank) + " are taken"};
  }
  std::vector<std::int64_t> shape(dimensions);
  for (std::int64_t& d : shape) {
    FRESHET_TRY_ASSIGN(d, in.signed_integer());
  }
  in.leave();
  return shape;
}

}  // namespace

result<void> tensor_sink::write(const host_tensor& t, msgpack_writer& out) {
  if (t.empty() && t.shape().empty()) {  // a default tensor, not a scalar
    out.nil();
    return {};
  }
  if (t.shape().size() > rank_) {
    return error{errc::too_large, ": tensor of " + std::to_string(t.shape().size()) + " dimensions, at most " +
                                      std::to_string(rank_) + " are taken"};
  }
  if (t.bytes() > frame_bytes_) {
    return error{errc::too_large, ": tensor of " + std::to_string(t.bytes()) + " bytes, at most " +
                                      std::to_string(frame_bytes_) + " are taken"};
  }
  if (!t.empty()) {
    if (frames_.size() >= limit_) {
      return error{errc::too_large, ": more than " + std::to_string(limit_ - std::min(limit_, before_)) + " tensors in one message"};
    }
    frames_.push_back(t);
  }
  out.array(3);
  out.unsigned_integer(static_cast<std::uint64_t>(t.type()));
  out.array(t.shape().size());
  for (const std::int64_t d : t.shape()) out.signed_integer(d);
  out.unsigned_integer(t.empty() ? 0 : frames_.size() - before_);
  return {};
}

result<host_tensor> tensor_source::read(msgpack_reader& in) {
  if (in.nil()) return host_tensor{};
  FRESHET_TRY_ASSIGN(const std::size_t parts, in.enter_array());
  if (parts < 3) return error{errc::corrupt, ": a tensor is [dtype, shape, frame], found " + std::to_string(parts)};
  FRESHET_TRY_ASSIGN(const std::uint64_t type_number, in.unsigned_integer());
  if (type_number > last_dtype) {
    return error{errc::unsupported, ": dtype number " + std::to_string(type_number)};
  }
  const auto type = static_cast<dtype>(type_number);
  FRESHET_TRY_ASSIGN(std::vector<std::int64_t> shape, read_shape(in, rank_));
  FRESHET_TRY_ASSIGN(const std::uint64_t frame, in.unsigned_integer());
  for (std::size_t i = 3; i < parts; ++i) FRESHET_TRY(in.skip());
  in.leave();

  const auto place = [](const error& e) { return error{e.code, ": " + e.context}; };
  if (frame == 0) {
    auto none = host_tensor::adopt(type, std::move(shape), nullptr, nullptr, 0);
    if (!none.ok()) return place(none.err());
    return none;
  }
  if (frame > frames_) {
    return error{errc::truncated, ": tensor frame " + std::to_string(frame) + " of " + std::to_string(frames_)};
  }
  if (frame <= last_) return error{errc::corrupt, ": tensor frame " + std::to_string(frame) + " is named again"};
  last_ = frame;
  const shared_bytes& bytes = first_[frame - 1];
  if (bytes.empty()) return error{errc::truncated, ": tensor frame " + std::to_string(frame) + " has no bytes"};
  auto typed = host_tensor::adopt(type, std::move(shape), bytes.owner(), bytes.data(), bytes.bytes());
  if (!typed.ok()) return place(typed.err());
  if (aligned(bytes, type)) return typed;
  // Receivers read through typed pointers; a frame inside of a larger block may lie anywhere.
  return host_tensor::copy_of(type, typed->shape(), bytes.data());
}

}  // namespace freshet::topology
