// The deployer's keys as they are in their file now: read again when the file was replaced, so that
// a rotation by the CLI takes effect while the daemon runs.
// Thread contract: one owner; one thread at a time.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "actors/access/artefact_keys.hpp"
#include "kernels/base/result.hpp"

namespace freshet::actors {

using artefact_key_source = std::function<std::shared_ptr<const access::artefact_keys>()>;

/// Fails when there are no keys to begin with. Later the last readable ones stay.
result<artefact_key_source> keys_in_file(const std::filesystem::path& file);

}  // namespace freshet::actors
