#include "kernels/delta/update.hpp"

#include "kernels/delta/compress.hpp"
#include "kernels/delta/exact.hpp"
#include "kernels/delta/sparse_topk.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace freshet::delta {
namespace {

enum form : std::uint8_t { form_empty = 0, form_plain = 1, form_packed = 2, form_exact = 3 };

constexpr std::array<unsigned, 6> bit_choices{1, 2, 3, 4, 8, 16};
constexpr int exact_zstd_level = 9;

std::uint8_t tag_of(const segment_plan& plan) {
  const auto* place = std::find(bit_choices.begin(), bit_choices.end(), plan.bits);
  return static_cast<std::uint8_t>(static_cast<unsigned>(plan.format) * 16U +
                                   static_cast<unsigned>(place - bit_choices.begin()));
}

std::uint8_t group_code(std::uint32_t group) {
  std::uint8_t code = 0;
  for (; group > 4; group >>= 1) ++code;
  return code;
}

// One decoded segment, waiting to be added.
struct pending {
  std::uint64_t offset = 0;
  bool is_dense = false;
  sparse_values kept;  // positions are empty when dense
};

result<segment_plan> read_header(byte_reader& in) {
  FRESHET_TRY_ASSIGN(const auto tag, in.get<std::uint8_t>("segment tag"));
  const unsigned format = tag >> 4;
  const unsigned place = tag & 15U;
  if (format < 1 || format > 3 || place >= bit_choices.size()) {
    return error{errc::corrupt, "segment tag " + std::to_string(tag) + " names no known format"};
  }
  segment_plan plan;
  plan.format = static_cast<segment_format>(format);
  plan.bits = bit_choices[place];
  plan.group = 0;
  if (plan.bits != 16) {
    FRESHET_TRY_ASSIGN(const auto code, in.get<std::uint8_t>("group size"));
    if (code > 13) return error{errc::corrupt, "group size code " + std::to_string(code) + "; 0 to 13 are right"};
    plan.group = code == 0 ? 0 : 4U << code;
  }
  return plan;
}

result<std::vector<pending>> decode_body(byte_view body, const layout& parts) {
  byte_reader in(body);
  FRESHET_TRY_ASSIGN(const auto raw_exponent, in.get<std::uint8_t>("exponent"));
  const int exponent = raw_exponent < 128 ? raw_exponent : raw_exponent - 256;
  if (exponent < min_exponent || exponent > max_exponent) {
    return error{errc::corrupt, "exponent " + std::to_string(exponent) + "; -100 to 60 are right"};
  }
  FRESHET_TRY_ASSIGN(const std::uint64_t sent, in.get_varint("number of segments"));
  if (sent == 0 || sent > parts.segments.size()) {
    return error{errc::corrupt,
                 std::to_string(sent) + " segments; the layout has " + std::to_string(parts.segments.size())};
  }
  std::vector<pending> out;
  std::uint64_t next = 0;
  for (std::uint64_t i = 0; i < sent; ++i) {
    FRESHET_TRY_ASSIGN(const std::uint64_t skipped, in.get_varint("skipped segments"));
    if (skipped >= parts.segments.size() - next) {
      return error{errc::corrupt, "segment past the " + std::to_string(parts.segments.size()) + " of the layout"};
    }
    const segment& part = parts.segments[static_cast<std::size_t>(next + skipped)];
    next += skipped + 1;
    FRESHET_TRY_ASSIGN(const segment_plan plan, read_header(in));
    pending& here = out.emplace_back();
    here.offset = part.offset;
    here.is_dense = plan.format == segment_format::dense;
    result<void> decoded;
    if (here.is_dense) {
      if (groups_bytes(part.count, plan.groups()) > in.left()) {
        return error{errc::truncated, "segment " + part.name + " of " + std::to_string(part.count) + " values"};
      }
      here.kept.values.resize(static_cast<std::size_t>(part.count));
      decoded = decode_groups(in, here.kept.values.size(), plan.groups(), exponent, here.kept.values.data());
    } else if (plan.format == segment_format::sparse) {
      decoded = decode_sparse(in, part.count, plan.groups(), exponent, here.kept);
    } else {
      decoded = decode_bitmap(in, part.count, plan.groups(), exponent, here.kept);
    }
    if (!decoded) return error{decoded.err().code, "segment " + part.name + ": " + decoded.err().context};
  }
  if (in.left() != 0) return error{errc::corrupt, std::to_string(in.left()) + " bytes behind the last segment"};
  return out;
}

void add(const std::vector<pending>& all, float* values) {
  for (const pending& one : all) {
    float* at = values + one.offset;
    const std::size_t n = one.kept.values.size();
    if (one.is_dense) {
      for (std::size_t i = 0; i < n; ++i) at[i] += one.kept.values[i];
    } else {
      for (std::size_t i = 0; i < n; ++i) at[one.kept.positions[i]] += one.kept.values[i];
    }
  }
}

// No body of this layout is longer: 33 bits a value and its scale, 32 for its position, headers.
std::uint64_t most_body_bytes(const layout& parts) { return 64 + 32 * parts.segments.size() + 10 * parts.total(); }

result<void> check_plan(const layout& parts, const update_plan& plan) {
  if (plan.segments.size() != parts.segments.size()) {
    return {errc::invalid_argument, "plan of " + std::to_string(plan.segments.size()) + " segments for a layout of " +
                                        std::to_string(parts.segments.size())};
  }
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const segment_plan& one = plan.segments[i];
    if (one.format == segment_format::skip) continue;
    const bool keeps = one.format != segment_format::dense;
    if (!valid(one.groups()) || (keeps && (one.keep == 0 || one.keep > parts.segments[i].count))) {
      return {errc::invalid_argument, "segment " + parts.segments[i].name + ": bits " + std::to_string(one.bits) +
                                          ", group " + std::to_string(one.group) + ", keep " +
                                          std::to_string(one.keep) + " of " + std::to_string(parts.segments[i].count)};
    }
  }
  return {};
}

}  // namespace

result<void> check_delta(const float* delta, const layout& parts) {
  FRESHET_TRY(parts.validate());
  for (const segment& part : parts.segments) {
    for (std::uint64_t i = part.offset; i < part.offset + part.count; ++i) {
      if (!(std::fabs(delta[i]) <= largest_delta)) {
        return {errc::invalid_argument, "segment " + part.name + " value " + std::to_string(i - part.offset) + " is " +
                                            std::to_string(delta[i]) + "; finite and up to 2^73 is right"};
      }
    }
  }
  return {};
}

int update_exponent(const float* delta, const layout& parts) {
  float peak = 0;
  const std::uint64_t n = parts.total();
  for (std::uint64_t i = 0; i < n; ++i) peak = std::max(peak, std::fabs(delta[i]));
  return exponent_for(peak);
}

std::uint64_t update_overhead_bytes(const layout& parts) noexcept { return 2 + varint_bytes(parts.segments.size()); }

std::uint64_t segment_overhead_bytes(const layout& parts, const group_spec& spec) noexcept {
  return varint_bytes(parts.segments.size()) + (spec.bits == 16 ? 1 : 2);
}

result<std::vector<std::uint8_t>> encode_update(const float* delta, const float* importance, const layout& parts,
                                                const update_plan& plan) {
  FRESHET_TRY(check_delta(delta, parts));
  FRESHET_TRY(check_plan(parts, plan));
  const int exponent = update_exponent(delta, parts);
  const auto sent = std::count_if(plan.segments.begin(), plan.segments.end(),
                                  [](const segment_plan& one) { return one.format != segment_format::skip; });
  byte_writer out;
  if (sent == 0) {
    out.put(std::uint8_t{form_empty});
    return out.take();
  }
  out.put(std::uint8_t{form_plain});
  out.put(static_cast<std::uint8_t>(exponent));
  out.put_varint(static_cast<std::uint64_t>(sent));
  std::uint64_t skipped = 0;
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const segment_plan& one = plan.segments[i];
    if (one.format == segment_format::skip) {
      ++skipped;
      continue;
    }
    const segment& part = parts.segments[i];
    const float* x = delta + part.offset;
    const auto count = static_cast<std::size_t>(part.count);
    out.put_varint(skipped);
    skipped = 0;
    out.put(tag_of(one));
    if (one.bits != 16) out.put(group_code(one.group));
    if (one.format == segment_format::dense) {
      encode_groups(x, count, one.groups(), exponent, out);
      continue;
    }
    const auto positions = select_top(x, importance == nullptr ? nullptr : importance + part.offset, count, one.keep);
    if (one.format == segment_format::sparse) {
      encode_sparse(x, positions, one.groups(), exponent, out);
    } else {
      encode_bitmap(x, part.count, positions, one.groups(), exponent, out);
    }
  }
  if (plan.zstd_level != 0) {
    const byte_view body(out.bytes().data() + 1, out.size() - 1);
    FRESHET_TRY_ASSIGN(const auto packed, zstd_pack(body, plan.zstd_level));
    if (1 + varint_bytes(body.size) + packed.size() < out.size()) {
      byte_writer smaller;
      smaller.put(std::uint8_t{form_packed});
      smaller.put_varint(body.size);
      smaller.put_bytes(packed);
      return smaller.take();
    }
  }
  return out.take();
}

result<std::vector<std::uint8_t>> encode_exact_update(const float* base, const float* target, const layout& parts) {
  byte_writer out;
  FRESHET_TRY(encode_exact_update(base, target, parts, [&](byte_view piece) -> result<void> {
    out.put_bytes(piece);
    return {};
  }));
  return out.take();
}

result<void> encode_exact_update(const float* base, const float* target, const layout& parts, const byte_sink& sink) {
  FRESHET_TRY(parts.validate());
  const std::uint8_t form = form_exact;
  FRESHET_TRY(sink({&form, 1}));
  return encode_exact(base, target, parts.total(), exact_zstd_level, sink);
}

result<void> apply_update(byte_view bytes, const layout& parts, float* values) {
  FRESHET_TRY(parts.validate());
  byte_reader in(bytes);
  FRESHET_TRY_ASSIGN(const auto kind, in.get<std::uint8_t>("form of the update"));
  switch (kind) {
    case form_empty:
      if (in.left() != 0) return {errc::corrupt, std::to_string(in.left()) + " bytes behind an empty update"};
      return {};
    case form_plain: {
      FRESHET_TRY_ASSIGN(const auto all, decode_body(in.rest(), parts));
      add(all, values);
      return {};
    }
    case form_packed: {
      FRESHET_TRY_ASSIGN(const std::uint64_t size, in.get_varint("size of the body"));
      if (size > most_body_bytes(parts)) {
        return {errc::too_large, "body of " + std::to_string(size) + " bytes; at most " +
                                     std::to_string(most_body_bytes(parts)) + " for this layout"};
      }
      FRESHET_TRY_ASSIGN(const auto body, zstd_unpack(in.rest(), size));
      FRESHET_TRY_ASSIGN(const auto all, decode_body(body, parts));
      add(all, values);
      return {};
    }
    case form_exact:
      return apply_exact(in.rest(), parts.total(), values);
    default:
      return {errc::unsupported, "update of form " + std::to_string(kind) + "; 0 to 3 are known"};
  }
}

}  // namespace freshet::delta
