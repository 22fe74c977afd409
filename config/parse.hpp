// TOML text to a tree of values. The one place that knows the syntax; TOML in, nothing judged.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "config/problem.hpp"
#include "config/value.hpp"
#include "kernels/base/result.hpp"

namespace freshet::config {

/// A configuration larger than this is a mistake (a model or a log given in its place).
inline constexpr std::size_t largest_document_bytes = std::size_t{1} << 20U;

/// The document as a table; nothing when it is not TOML, with the place in `out`.
std::optional<value> parse_toml(std::string_view text, problems& out);

/// Reads a whole document from disk; refuses what is no regular file or too large.
result<std::string> read_text_file(const std::string& path);

}  // namespace freshet::config
