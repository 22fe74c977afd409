// What lies in a data folder: either one domain (train.jsonl, test.jsonl) or several
// (<domain>.train.jsonl, <domain>.test.jsonl).
#pragma once

#include "kernels/base/result.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::scenes {

struct folder_domain {
  std::string name;  ///< of a single-domain folder: "clean"
  std::filesystem::path train;
  std::filesystem::path test;
};

struct data_folder {
  /// Several domains are phases by themselves; a single one gets phases from shifts.
  bool several = false;
  std::vector<folder_domain> domains;  ///< sorted by name; never empty

  /// The domain of that name, or an error that lists the names that exist.
  [[nodiscard]] result<folder_domain> find(std::string_view name) const;
};

/// Looks which question files a folder holds. An error names every file that is missing.
[[nodiscard]] result<data_folder> list_domains(const std::filesystem::path& folder);

}  // namespace freshet::scenes
