#include "tools/freshet/provision.hpp"

#include <filesystem>

#include "actors/access/artefact_keys.hpp"
#include "actors/access/private_file.hpp"

namespace freshet::cli {

result<void> provision(const topology::graph& graph) {
  for (const topology::role_spec* role : graph.roles_of(topology::role_kind::deployer)) {
    const auto& settings = std::get<config::deployer_settings>(role->settings);
    FRESHET_TRY_ASSIGN(const auto keys,
                       access::artefact_keys::read_or_make(access::artefact_key_file(settings.key_dir)));
    for (const topology::role_spec* device : graph.roles_of(topology::role_kind::device)) {
      const std::filesystem::path file = std::get<config::device_settings>(device->settings).trusted_keys;
      std::error_code ignored;
      if (std::filesystem::exists(file, ignored)) continue;
      FRESHET_TRY(access::make_private_folder(file.parent_path()));
      FRESHET_TRY(access::write_private_file(file, delta::text_of(keys.trusted()), access::existing::keep));
    }
  }
  return {};
}

}  // namespace freshet::cli
