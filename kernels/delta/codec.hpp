// Named ways to make an update from a delta, behind one interface. Whatever a codec makes, the one
// apply_update (update.hpp) takes. To add a codec: one file pair with a maker, one line in the
// registry of codec.cpp, one test. Codecs hold no state: one object serves any thread.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/delta/layout.hpp"

#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

namespace freshet::delta {

inline constexpr std::uint64_t unlimited_bytes = std::numeric_limits<std::uint64_t>::max();

struct encode_request {
  const float* delta = nullptr;       ///< [total] target - mirror
  const float* importance = nullptr;  ///< [total] Fisher or squared gradient; null: every value counts the same
  const layout& parts;
  std::uint64_t budget_bytes = unlimited_bytes;  ///< the whole payload, headers included
};

struct update_codec {
  update_codec() = default;
  update_codec(const update_codec&) = delete;
  update_codec& operator=(const update_codec&) = delete;
  virtual ~update_codec() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// A payload within the budget. A codec of a fixed rate that needs more returns too_large and
  /// says how much: it never sends something else instead.
  [[nodiscard]] virtual result<std::vector<std::uint8_t>> encode(const encode_request& request) const = 0;
};

/// The codec of that name, alive for ever; the error lists the names that exist.
[[nodiscard]] result<const update_codec*> find_codec(std::string_view name);
[[nodiscard]] std::vector<std::string_view> codec_names();

/// For codecs of a fixed rate: passes the payload on if the budget holds it.
[[nodiscard]] result<std::vector<std::uint8_t>> within_budget(std::vector<std::uint8_t> payload,
                                                              const update_codec& codec, std::uint64_t budget_bytes);

}  // namespace freshet::delta
