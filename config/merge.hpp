// Several documents as one: later ones stand above earlier ones, key by key. Comparisons and split
// files are made of it.
// Thread contract: pure functions.
#pragma once

#include <string>
#include <vector>

#include "config/value.hpp"
#include "kernels/base/result.hpp"

namespace freshet::config {

/// `over` on top of `base`: tables are merged, everything else is replaced.
[[nodiscard]] value merged(value base, const value& over);

/// The table as TOML text that reads back as the same values.
[[nodiscard]] std::string to_toml(const value& table);

/// Parses all texts and merges them in order; the error lists what is not TOML, by number of text.
result<std::string> merge_texts(const std::vector<std::string>& texts);

}  // namespace freshet::config
