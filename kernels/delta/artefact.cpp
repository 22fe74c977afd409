#include "kernels/delta/artefact.hpp"

#include "kernels/delta/half.hpp"
#include "kernels/delta/update.hpp"

#include <xxhash.h>

namespace freshet::delta {
namespace {

constexpr std::array<std::uint8_t, 4> magic{'F', 'R', 'D', 'A'};
constexpr std::uint8_t format_version = 1;

result<void> put_text(const std::string& text, const char* what, byte_writer& out) {
  if (text.size() > max_text_bytes) {
    return {errc::too_large,
            std::string(what) + " of " + std::to_string(text.size()) + " bytes; at most 200 are right"};
  }
  out.put(static_cast<std::uint8_t>(text.size()));
  out.put_bytes({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  return {};
}

result<std::string> get_text(byte_reader& in, const char* what) {
  FRESHET_TRY_ASSIGN(const auto size, in.get<std::uint8_t>(what));
  if (size > max_text_bytes) {
    return error{errc::too_large, std::string(what) + " of " + std::to_string(size) + " bytes; at most 200 are right"};
  }
  FRESHET_TRY_ASSIGN(const byte_view text, in.get_bytes(size, what));
  return std::string(reinterpret_cast<const char*>(text.data), text.size);
}

std::uint64_t checksum(byte_view bytes) { return XXH3_64bits(bytes.data, bytes.size); }

result<void> check_versions(const artefact& made) {
  const bool snapshot = made.kind == artefact_kind::snapshot;
  if (made.made <= made.base || (snapshot && made.base.value != 0)) {
    return {errc::corrupt, std::string(snapshot ? "snapshot" : "chain artefact") + " from version " +
                               std::to_string(made.base.value) + " to " + std::to_string(made.made.value) +
                               "; a chain leads to a later version, a snapshot from version 0"};
  }
  return {};
}

result<void> put_head(const artefact& made, std::uint64_t payload_bytes, byte_writer& out) {
  FRESHET_TRY(check_versions(made));
  out.put_bytes({magic.data(), magic.size()});
  out.put(format_version);
  out.put(static_cast<std::uint8_t>(made.kind));
  out.put(made.line.value);
  out.put(made.base.value);
  out.put(made.made.value);
  out.put(made.base_hash.value);
  out.put(made.result_hash.value);
  FRESHET_TRY(put_text(made.codec, "codec name", out));
  FRESHET_TRY(put_text(made.teacher, "teacher name", out));
  out.put(made.budget_bytes);
  out.put(made.first_sample);
  out.put(made.last_sample);
  out.put(float_bits(made.metric_before));
  out.put(float_bits(made.metric_after));
  out.put(payload_bytes);
  return {};
}

result<void> put_signed(const artefact& made, byte_writer& out) {
  FRESHET_TRY(put_head(made, made.payload.size(), out));
  out.put_bytes(made.payload);
  return {};
}

result<byte_view> get_signed(byte_reader& in, const artefact_limits& limits, artefact& out) {
  FRESHET_TRY_ASSIGN(const byte_view first, in.get_bytes(magic.size(), "magic"));
  if (std::memcmp(first.data, magic.data(), magic.size()) != 0) {
    return error{errc::corrupt, "an artefact begins with FRDA"};
  }
  FRESHET_TRY_ASSIGN(const auto format, in.get<std::uint8_t>("format version"));
  if (format != format_version) {
    return error{errc::unsupported, "artefact format " + std::to_string(format) + "; 1 is known"};
  }
  FRESHET_TRY_ASSIGN(const auto kind, in.get<std::uint8_t>("kind"));
  if (kind != 1 && kind != 2) {
    return error{errc::unsupported, "artefact kind " + std::to_string(kind) + "; 1 (chain) and 2 (snapshot) are known"};
  }
  out.kind = static_cast<artefact_kind>(kind);
  FRESHET_TRY_ASSIGN(out.line.value, in.get<std::uint64_t>("line"));
  FRESHET_TRY_ASSIGN(out.base.value, in.get<std::uint64_t>("base version"));
  FRESHET_TRY_ASSIGN(out.made.value, in.get<std::uint64_t>("version"));
  FRESHET_TRY_ASSIGN(out.base_hash.value, in.get<std::uint64_t>("base hash"));
  FRESHET_TRY_ASSIGN(out.result_hash.value, in.get<std::uint64_t>("result hash"));
  FRESHET_TRY(check_versions(out));
  FRESHET_TRY_ASSIGN(out.codec, get_text(in, "codec name"));
  FRESHET_TRY_ASSIGN(out.teacher, get_text(in, "teacher name"));
  FRESHET_TRY_ASSIGN(out.budget_bytes, in.get<std::uint64_t>("budget"));
  FRESHET_TRY_ASSIGN(out.first_sample, in.get<std::uint64_t>("first sample"));
  FRESHET_TRY_ASSIGN(out.last_sample, in.get<std::uint64_t>("last sample"));
  FRESHET_TRY_ASSIGN(const auto before, in.get<std::uint32_t>("metric before"));
  FRESHET_TRY_ASSIGN(const auto after, in.get<std::uint32_t>("metric after"));
  out.metric_before = float_of_bits(before);
  out.metric_after = float_of_bits(after);
  FRESHET_TRY_ASSIGN(const auto size, in.get<std::uint64_t>("payload size"));
  if (size > limits.payload_bytes) {
    return error{errc::too_large,
            "payload of " + std::to_string(size) + " bytes; the limit is " + std::to_string(limits.payload_bytes)};
  }
  return in.get_bytes(size, "payload");
}

}  // namespace

result<std::vector<std::uint8_t>> signed_region(const artefact& made) {
  byte_writer out;
  FRESHET_TRY(put_signed(made, out));
  return out.take();
}

result<std::vector<std::uint8_t>> encode_artefact(const artefact& made) {
  if (!made.signature.empty() && made.signature.size() != signature_bytes) {
    return error{errc::invalid_argument,
                 "signature of " + std::to_string(made.signature.size()) + " bytes; 72 or none are right"};
  }
  byte_writer out;
  FRESHET_TRY(put_signed(made, out));
  out.put_bytes(artefact_tail(out.bytes(), made.signature));
  return out.take();
}

result<std::vector<std::uint8_t>> artefact_head(const artefact& made, std::uint64_t payload_bytes) {
  byte_writer out;
  FRESHET_TRY(put_head(made, payload_bytes, out));
  return out.take();
}

std::vector<std::uint8_t> artefact_tail(byte_view signed_region, byte_view signature) {
  byte_writer out;
  out.put(static_cast<std::uint8_t>(signature.size));
  out.put_bytes(signature);
  XXH3_state_t* sum = XXH3_createState();
  XXH3_64bits_reset(sum);
  XXH3_64bits_update(sum, signed_region.data, signed_region.size);
  XXH3_64bits_update(sum, out.bytes().data(), out.size());
  out.put(static_cast<std::uint64_t>(XXH3_64bits_digest(sum)));
  XXH3_freeState(sum);
  return out.take();
}

result<artefact> decode_artefact(byte_view bytes, const artefact_limits& limits) {
  FRESHET_TRY_ASSIGN(artefact_view found, view_artefact(bytes, limits));
  found.head.payload.assign(found.payload.data, found.payload.data + found.payload.size);
  return std::move(found.head);
}

result<artefact_view> view_artefact(byte_view bytes, const artefact_limits& limits) {
  artefact_view found;
  artefact& out = found.head;
  byte_reader in(bytes);
  FRESHET_TRY_ASSIGN(found.payload, get_signed(in, limits, out));
  FRESHET_TRY_ASSIGN(const auto size, in.get<std::uint8_t>("signature size"));
  if (size != 0 && size != signature_bytes) {
    return error{errc::corrupt, "signature of " + std::to_string(size) + " bytes; 72 or none are right"};
  }
  FRESHET_TRY_ASSIGN(const byte_view signature, in.get_bytes(size, "signature"));
  out.signature.assign(signature.data, signature.data + signature.size);
  const std::uint64_t expected = checksum({bytes.data, in.position()});
  FRESHET_TRY_ASSIGN(const auto written, in.get<std::uint64_t>("checksum"));
  if (written != expected) return error{errc::corrupt, "the artefact's checksum does not fit its bytes"};
  if (in.left() != 0) return error{errc::corrupt, std::to_string(in.left()) + " bytes behind the artefact"};
  return found;
}

result<version> apply_artefact(const artefact& made, const layout& parts, content_hash line, version current,
                               std::vector<float>& values) {
  if (values.size() != parts.total()) {
    return error{errc::shape_mismatch,
                 std::to_string(values.size()) + " values at hand, the layout has " + std::to_string(parts.total())};
  }
  artefact_view view;
  view.head = made;
  view.head.payload.clear();
  view.payload = made.payload;
  std::vector<float> next = values;
  FRESHET_TRY_ASSIGN(const version number, apply_artefact_in_place(view, parts, line, current, next.data()));
  values.swap(next);
  return number;
}

result<version> apply_artefact_in_place(const artefact_view& view, const layout& parts, content_hash line,
                                        version current, float* values) {
  const artefact& made = view.head;
  FRESHET_TRY(check_versions(made));
  if (made.line != line) {
    return error{errc::wrong_base, "artefact of line " + std::to_string(made.line.value) + ", the student is of line " +
                                       std::to_string(line.value)};
  }
  if (made.base != current) {
    return error{errc::wrong_base, "artefact for version " + std::to_string(made.base.value) +
                                       ", the values at hand are of version " + std::to_string(current.value)};
  }
  if (made.base_hash != hash_values(values, parts.total())) {
    return error{errc::wrong_base, "the values at hand claim version " + std::to_string(current.value) +
                                       " but hash differently from the artefact's base"};
  }
  FRESHET_TRY(apply_update(view.payload, parts, values));
  if (made.result_hash != hash_values(values, parts.total())) {
    return error{errc::hash_mismatch, "applying version " + std::to_string(made.made.value)};
  }
  return made.made;
}

}  // namespace freshet::delta
