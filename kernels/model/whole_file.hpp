// Small files read whole under a limit, and files replaced whole: a reader sees the old bytes or the
// new ones, never a mixture, whatever dies in between.
// Thread contract: free functions without state; two writers of one path leave one of both results.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "kernels/base/result.hpp"

namespace freshet::model {

/// The bytes of a regular file; errc::too_large when it holds more than `limit_bytes`.
result<std::string> read_whole_file(const std::filesystem::path& path, std::size_t limit_bytes);

/// Bytes that the caller keeps alive.
struct byte_piece {
  const void* data = nullptr;
  std::size_t bytes = 0;
};

/// Writes the pieces in order to a temporary name beside `path`, syncs, renames, syncs the folder.
result<void> write_whole_file(const std::filesystem::path& path, const std::vector<byte_piece>& pieces);
result<void> write_whole_file(const std::filesystem::path& path, const std::string& text);

/// Takes away what writers that died have left in a folder under temporary names. Call it before anyone writes
/// there.
void remove_stale_temporaries(const std::filesystem::path& folder);

}  // namespace freshet::model
