// JSON merge patches (RFC 7396): what changed from one document to the next, in pieces of bounded size.
// Applying one is nlohmann's json::merge_patch. Documents hold no nulls: in a patch null removes.
// Thread contract: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace freshet::actors {

/// The patch that makes the object `after` of the object `before`; {} when they are equal.
nlohmann::json difference(const nlohmann::json& before, const nlohmann::json& after);

/// The patch as texts of at most `bytes` each, to be applied in this order; cut between entries of the two
/// upper levels, so one entry of the second level that is longer alone makes a longer text. At least one.
std::vector<std::string> pages(const nlohmann::json& patch, std::size_t bytes);

}  // namespace freshet::actors
