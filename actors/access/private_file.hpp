// Files that only their owner may read: written whole or not at all, never readable by others even
// for a moment, and refused when others could have read them.
// Thread contract: plain functions on the file system.
#pragma once

#include "kernels/base/result.hpp"

#include <cstddef>
#include <filesystem>
#include <string>

namespace freshet::access {

/// Makes the folder and those above it that are missing, for their owner only (0700).
result<void> make_private_folder(const std::filesystem::path& folder);

/// `keep` leaves a file that is there as it is and fails; `replace` takes its place.
enum class existing : std::uint8_t { keep, replace };
result<void> write_private_file(const std::filesystem::path& file, const std::string& text, existing what);

/// errc::not_found when it is not there; refuses a link, and a file that is another's or that others
/// may read or write.
result<std::string> read_private_file(const std::filesystem::path& file, std::size_t most_bytes = 65536);

}  // namespace freshet::access
