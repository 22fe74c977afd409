// The quantization_config of a config.json. Internal to kernels/model.
// Thread contract: free functions without state.
#pragma once

#include <optional>

#include <nlohmann/json.hpp>

#include "kernels/model/config_section.hpp"
#include "kernels/model/model_config.hpp"

namespace freshet::model {

/// Nothing where the key is absent. What we do not know (another method, version, bits) is a problem.
std::optional<quantisation_config> read_quantisation(const section& top);

/// Writes the key, or takes it away.
void put_quantisation(nlohmann::json& root, const std::optional<quantisation_config>& q);

}  // namespace freshet::model
