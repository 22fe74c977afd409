// The one error type of the engine. An error is a value: a code from one enum, each with a
// sentence, and a context that names the file, the field or the value and what would be right.
// Thread contract: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace freshet {

/// Every way in which the world can disappoint us. Numbers are stable: they travel in messages.
enum class errc : std::uint8_t {
  io = 1,             ///< the operating system refused a read, write or sync
  not_found = 2,      ///< a named thing does not exist
  corrupt = 3,        ///< bytes do not have the form that they claim
  truncated = 4,      ///< bytes end before the thing that they describe
  too_large = 5,      ///< a declared size exceeds the limit for its kind
  unsupported = 6,    ///< well-formed, but of a version or kind that we do not know
  invalid_argument = 7,  ///< a value outside of what the callee accepts
  shape_mismatch = 8,    ///< tensor shapes or dtypes do not fit together
  config = 9,            ///< a configuration or topology document has problems
  wrong_base = 10,       ///< an update was made for another version than the one at hand
  hash_mismatch = 11,    ///< the result differs from what its maker promised
  unavailable = 12,      ///< the peer or resource is not there now; later may do
  timeout = 13,          ///< no answer within the agreed time
  overloaded = 14,       ///< no credit or room; shed or wait
  cancelled = 15,        ///< the caller or an operator stopped it
  internal = 16,         ///< a fault of ours that was contained
};

/// The sentence that belongs to a code, for people.
[[nodiscard]] std::string_view sentence(errc code) noexcept;

/// The code's name, for JSON and logs ("hash_mismatch").
[[nodiscard]] std::string_view name(errc code) noexcept;

struct error {
  errc code = errc::internal;
  std::string context;

  /// "context: sentence" as printed to people.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const error& a, const error& b) {
    return a.code == b.code && a.context == b.context;
  }
};

}  // namespace freshet
