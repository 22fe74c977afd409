// Bad input of the outside world: what kinds there are, and how often each was met. Streams skip
// what is bad and go on; whoever drives one counts here, and logs the first of each kind.
// Thread contract: skip_counter belongs to one owner; not synchronised.
#pragma once

#include "kernels/base/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace freshet::scenes {

enum class skip_kind : std::uint8_t {
  bad_line,           ///< not a JSON object with the fields that a question needs
  empty_question,     ///< or one of white space
  unsafe_path,        ///< the image path is absolute or leaves its folder
  missing_image,      ///< no such file
  broken_image,       ///< cut, damaged
  oversized,          ///< a line, file, picture or text beyond its limit
  unsupported_image,  ///< not PNG or JPEG, or of a flavour that is not read
  unreadable,         ///< the system refused to read
  no_picture,         ///< a question of text alone, for a model that looks at pictures
  unread_picture,     ///< a picture, for a model that reads text only
};
inline constexpr std::size_t all_skip_kinds = 10;

[[nodiscard]] std::string_view name(skip_kind kind) noexcept;

/// An error of that kind: its context begins with the kind's name.
[[nodiscard]] error skip_error(skip_kind kind, errc code, const std::string& context);

/// The kind of an error from a sample source: by its name in the context, else by its code.
[[nodiscard]] skip_kind kind_of(const error& why) noexcept;

class skip_counter {
 public:
  /// Counts one skipped input; true if it is the first of its kind, so that it is worth a log line.
  bool count(const error& why);

  [[nodiscard]] std::uint64_t of(skip_kind kind) const noexcept;
  [[nodiscard]] std::uint64_t total() const noexcept;
  /// "3 missing_image, 1 bad_line"; empty when nothing was skipped.
  [[nodiscard]] std::string summary() const;

 private:
  std::array<std::uint64_t, all_skip_kinds> counts_{};
};

}  // namespace freshet::scenes
