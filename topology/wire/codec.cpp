#include "topology/wire/codec.hpp"

#include "topology/wire/field_codec.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace freshet::topology {
namespace {

constexpr std::size_t tensors_from = 2;  // after envelope and body

byte_view view(const shared_bytes& frame) { return {frame.data(), frame.bytes()}; }

/// Reads a struct that fills the whole of `bytes`.
template <class T>
result<void> read_whole(T& value, std::string_view what, byte_view bytes, field_limits limits, std::size_t depth,
                        tensor_source& tensors) {
  msgpack_reader in(bytes, {limits.items, depth});
  field_source from{in, tensors, limits};
  auto done = read_field(value, from);
  if (!done.ok()) return within(std::string(what), done.err());
  if (in.left() > 0) {
    return error{errc::corrupt, std::string(what) + ": " + std::to_string(in.left()) + " bytes after its end"};
  }
  return {};
}

template <std::size_t I = 0>
result<shared_message> read_body(std::uint16_t type, byte_view bytes, const wire_limits& limits, tensor_source& tensors) {
  if constexpr (I == std::variant_size_v<any_message>) {
    return error{errc::unsupported, "message type number " + std::to_string(type)};
  } else {
    using message = std::variant_alternative_t<I, any_message>;
    using traits = message_traits<message>;
    if (type != traits::number) return read_body<I + 1>(type, bytes, limits, tensors);
    return shared_message::made<message>([&](message& m) {
      return read_whole(m, traits::name, bytes, {limits.items, limits.text_bytes}, limits.depth, tensors);
    });
  }
}

/// The version is the first element in every protocol, so that it can be told whatever follows.
result<void> check_protocol(byte_view bytes, const wire_limits& limits) {
  msgpack_reader in(bytes, {limits.items, limits.depth});
  const auto count = in.enter_array();
  if (!count.ok()) return within("envelope", count.err());
  if (*count == 0) return error{errc::truncated, "envelope: no protocol version"};
  const auto version = in.unsigned_integer();
  if (!version.ok()) return within("envelope.protocol", version.err());
  if (*version == wire_protocol) return {};
  return error{errc::unsupported, "envelope.protocol: version " + std::to_string(*version) + "; this end speaks " +
                                      std::to_string(wire_protocol)};
}

error too_long(std::string what, std::size_t bytes, std::size_t limit) {
  return {errc::too_large,
          std::move(what) + ": " + std::to_string(bytes) + " bytes, at most " + std::to_string(limit) + " are taken"};
}

}  // namespace

result<std::vector<shared_bytes>> encode(const parcel& p, const wire_limits& limits) {
  tensor_sink tensors(tensors_from, limits.frames, limits.frame_bytes, limits.rank);

  // Both lie in one block: most parcels are small, and allocations are what encoding them costs.
  msgpack_writer bytes;
  field_sink head_sink{bytes, tensors, {limits.items, limits.name_bytes}};
  envelope head = p.head;
  head.type = number_of(p.body);
  auto done = write_field(head, head_sink);
  if (!done.ok()) return within("envelope", done.err());
  const std::size_t head_size = bytes.size();
  if (head_size > limits.envelope_bytes) return too_long("envelope", head_size, limits.envelope_bytes);

  field_sink body_sink{bytes, tensors, {limits.items, limits.text_bytes}};
  done = std::visit([&](const auto& m) { return write_field(m, body_sink); }, *p.body);
  if (!done.ok()) return within(std::string(name_of(p.body)), done.err());
  const std::size_t body_size = bytes.size() - head_size;
  if (body_size > limits.body_bytes) return too_long(std::string(name_of(p.body)), body_size, limits.body_bytes);

  const auto block = std::move(bytes).take();
  std::vector<shared_bytes> frames = tensors.take();
  frames[0] = block.part(0, head_size);
  frames[1] = block.part(head_size, body_size);
  return frames;
}

result<envelope> decode_envelope(const shared_bytes& first, const wire_limits& limits) {
  if (first.bytes() > limits.envelope_bytes) return too_long("envelope", first.bytes(), limits.envelope_bytes);
  FRESHET_TRY(check_protocol(view(first), limits));
  tensor_source none(nullptr, 0, 0);
  envelope head;
  FRESHET_TRY(read_whole(head, "envelope", view(first), {limits.items, limits.name_bytes}, limits.depth, none));
  return head;
}

result<parcel> decode(frame_range frames, const wire_limits& limits) {
  if (frames.size() < tensors_from) {
    return error{errc::truncated, std::to_string(frames.size()) + " frames; a parcel has an envelope and a body"};
  }
  if (frames.size() > limits.frames) {
    return error{errc::too_large,
                 std::to_string(frames.size()) + " frames, at most " + std::to_string(limits.frames) + " are taken"};
  }
  for (std::size_t i = tensors_from; i < frames.size(); ++i) {
    if (frames[i].bytes() > limits.frame_bytes) {
      return too_long("tensor frame " + std::to_string(i - 1), frames[i].bytes(), limits.frame_bytes);
    }
  }
  FRESHET_TRY_ASSIGN(envelope head, decode_envelope(frames[0], limits));
  if (frames[1].bytes() > limits.body_bytes) return too_long("body", frames[1].bytes(), limits.body_bytes);
  tensor_source tensors(frames.begin() + tensors_from, frames.size() - tensors_from, limits.rank);
  FRESHET_TRY_ASSIGN(shared_message body, read_body(head.type, view(frames[1]), limits, tensors));
  return parcel{std::move(head), std::move(body)};
}

}  // namespace freshet::topology
